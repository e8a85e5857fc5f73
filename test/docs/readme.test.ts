/** What the README says, held against the program. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { BANDWIDTH_CODES } from "../../src/catalogue/bandwidth.ts";
import { eventually } from "../support/redis.ts";
import { runCommand, startServiceProcess } from "../support/service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const README = readFileSync(`${ROOT}README.md`, "utf8");

test("its consumer is at most ten lines of plain BullMQ, and consumes", async () => {
  const [, code = ""] = /```js\n([\s\S]*?)```/.exec(README) ?? [];
  expect(
    code
      .trim()
      .split("\n")
      .filter((line) => line !== "").length,
  ).toBeLessThanOrEqual(10);
  const service = await startServiceProcess();
  const [, urlFile = ""] = /`REDIS_URL=\$\(cat data\/(\S+)\) node consumer\.mjs`/.exec(README) ?? [];
  const env = { ...service.env, REDIS_URL: readFileSync(join(service.dataDir, urlFile), "utf8").trim() };
  const consumer = spawn(process.execPath, ["--input-type=module", "-e", code], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let printed = "";
    consumer.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    await runCommand(["send", "--status", "Rejected", "--code", "470", "--message-id", "from-readme"], service.env);
    await eventually(
      () => printed,
      (text) => text.includes("\n"),
    );
    const explanation = BANDWIDTH_CODES.find(({ code: number }) => number === 470)?.explanation;
    expect(printed).toBe(`from-readme +12025550100 rejected true ${explanation}\n`);
  } finally {
    consumer.kill();
    await service.stop();
  }
});

test("both commands stand in it literally", () => {
  expect(README).toContain("npm run setup && npm start");
  expect(README).toContain("npm run setup && npm test");
});
