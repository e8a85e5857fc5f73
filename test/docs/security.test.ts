/** docs/security.md: the tests that it names are there, and its Redis users are enough. */
import { existsSync, readFileSync } from "node:fs";
import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Carrier, createCarriers } from "../support/carrier.ts";
import { startConsumer } from "../support/consumer.ts";
import { ROOT, readDocument } from "../support/document.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { runCommand, startServiceProcess, type TestService } from "../support/service.ts";

const SECURITY = readDocument("docs/security.md");
const carriers = createCarriers();
let redis: TestRedis;
let carrier: Carrier;
let service: TestService;

beforeAll(async () => {
  redis = await startRedis();
  carrier = await carriers.add("carrier");
  carriers.write();
  for (const name of ["acl", "acl consumer"]) await redis.call(...userOf(name));
  service = await startServiceProcess({ REDIS_URL: urlOf("mm4d"), MM4D_PEERS_FILE: carriers.peersFile });
});
afterAll(async () => {
  await service.stop();
  await carriers.stop();
  await redis.stop();
});

/** The command of the document, which stands in a list and is therefore indented. */
function userOf(name: string): readonly [string, ...string[]] {
  const [, command = ""] = new RegExp(`<!-- test: ${name} -->\n +\`\`\`\n +(.*)\n`).exec(SECURITY.text) ?? [];
  const [first = "", ...words] = command.replace(">PASSWORD", ">secret").split(" ");
  return [first, ...words];
}

const urlOf = (user: string) => `redis://${user}:secret@127.0.0.1:${redis.port}`;

test("every test that is named as playing an attack is there, under that name", () => {
  const rows = SECURITY.table("threats");
  expect(rows.length).toBeGreaterThan(30);
  for (const [threat, , played = ""] of rows) {
    const named = [...played.matchAll(/`(test\/[^`]+)`(?: "([^"]+)")?/g)];
    expect([threat, named.length > 0]).toEqual([threat, true]);
    for (const [, path = "", title = ""] of named) {
      expect([path, existsSync(`${ROOT}${path}`)]).toEqual([path, true]);
      // Where a title is written in the code, its quotes have a backslash.
      const source = readFileSync(`${ROOT}${path}`, "utf8").replaceAll("\\", "");
      expect([path, title, source.includes(title)]).toEqual([path, title, true]);
    }
  }
});

test("the Redis users are enough for the service, its commands and a consumer, and for no other keys", async () => {
  const consumer = startConsumer(urlOf("consumer"));
  expect(await carrier.report(service.smtpPort, "tx-1")).toMatch(/^250 /);
  await carrier.deliver(service.smtpPort, deliveryReport({ "X-Mms-MM-Status-Code": undefined }));
  await carrier.responses("tx-1");
  await eventually(
    () => consumer.events.length,
    (count) => count === 1,
  );
  await consumer.stop();
  await service.metric("mm4d_quarantine_messages", (count) => count === 1);
  const commands = ["doctor", "stats", "quarantine list", "failed list", "acks list", "trace tx-1"];
  const said = await Promise.all(
    commands.map(async (command) => {
      const { code, stderr } = await eventually(
        () => runCommand(command.split(" "), service.env),
        (ran) => ran.code === 0 || command !== "trace tx-1",
      );
      return [command, code, stderr.includes("NOPERM")];
    }),
  );
  expect(said).toEqual(commands.map((command) => [command, 0, false]));
  expect((await service.get("/healthz")).text).toBe("ok\n");
  // What Redis refused anybody, by its own account.
  expect(await redis.call("ACL", "LOG")).toEqual([]);

  const other = new Queue("another-queue", {
    connection: { url: urlOf("mm4d"), maxRetriesPerRequest: 1 },
    skipVersionCheck: true,
  });
  other.on("error", () => {}); // The call below fails.
  await expect(other.add("x", {})).rejects.toThrow(/NOPERM|No permissions/);
  await other.close();
});

test("packages are named by exact versions, locked with hashes, and one of them has an install script", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  const { packages } = JSON.parse(readFileSync(`${ROOT}package-lock.json`, "utf8")) as {
    packages: Record<string, { integrity?: string; hasInstallScript?: true; dev?: true }>;
  };
  const installed = Object.entries(packages).filter(([path]) => path !== "");
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"))).toEqual([]);
  const scripted = installed.filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev);
  expect(scripted.map(([path]) => path)).toEqual(["node_modules/msgpackr-extract"]);
});

test("HTTP beyond this machine without a token is refused at the start", async () => {
  const { code, stderr } = await runCommand(["serve"], { ...service.env, MM4D_ADMIN_HOST: "0.0.0.0" });
  expect([code, stderr]).toEqual([1, expect.stringContaining("without MM4D_ADMIN_TOKEN")]);
});
