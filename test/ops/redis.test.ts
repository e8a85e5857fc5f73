/** The sample of a Redis for mm4d: it starts, mm4d finds nothing amiss in it, and its users may do their work and no more. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startConsumer } from "../support/consumer.ts";
import { eventually, freePort } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { replaceEach } from "../support/sample.ts";
import { runCommand, startServiceProcess, type TestService } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const SAMPLES = fileURLToPath(new URL("../../ops/redis/", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "mm4d-redis-sample-"));
let child: ChildProcess;
let service: TestService;
let urlOf: (user: string) => string;

beforeAll(async () => {
  const port = await freePort();
  const acl = join(directory, "users.acl");
  const users = readFileSync(join(SAMPLES, "users.acl"), "utf8");
  urlOf = (user) => {
    const [, password = ""] = new RegExp(`^user ${user} on >(\\S+)`, "m").exec(users) ?? [];
    return `redis://${user}:${password}@127.0.0.1:${port}`;
  };
  writeFileSync(acl, users);
  const file = join(directory, "redis.conf");
  writeFileSync(
    file,
    replaceEach(readFileSync(join(SAMPLES, "redis.conf"), "utf8"), [
      ["port 6379", `port ${port}`],
      ["/etc/redis/users.acl", acl],
      ["/var/lib/redis", directory],
    ]),
  );
  child = spawn("redis-server", [file], { stdio: "ignore" });
  service = await startServiceProcess({ REDIS_URL: urlOf("mm4d"), MM4D_DOMAIN: "mms.example.net" });
});
afterAll(async () => {
  await service?.stop();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await ended;
  rmSync(directory, { recursive: true });
});

test("mm4d does all its work as its user, and a consumer as the other", async () => {
  await eventually(
    async () => (await service.get("/healthz")).status,
    (status) => status === 200,
  );
  const client = await openSession(service.smtpPort);
  const recipient = "mm4@mms.example.net";
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "one" }), recipient)).toMatch(/^250 /);
  expect(await client.deliver(deliveryReport({ "X-Mms-MM-Status-Code": undefined }), recipient)).toMatch(/^250 /);
  client.end();
  const consumer = startConsumer(urlOf("consumer"));
  try {
    await eventually(
      () => consumer.events.map(({ subject }) => subject),
      (subjects) => subjects.includes("one"),
    );
  } finally {
    await consumer.stop();
  }
  await eventually(
    async () => (await runCommand(["quarantine", "list"], service.env)).stdout,
    (stdout) => stdout.includes("no-status"),
  );
  expect((await runCommand(["trace", "one"], service.env)).stdout).toContain("one");
  expect((await runCommand(["stats"], service.env)).stdout).toMatch(/^1 report/);
  // It may see whether a consumer is connected: of the acknowledgements that is mm4d itself, which has nowhere to send them.
  const status = await eventually(
    async () => (await runCommand(["status"], service.env)).stdout,
    (told) => /^Queue: .*\b0 workers of BullMQ connected$/m.test(told.replace(/\n {2,}/g, " ")),
  );
  expect(status).not.toContain("cannot be told");
  const { stdout, code } = await runCommand(["doctor"], service.env);
  expect([code, stdout.match(/^(?:fault.*Redis|warning.*consumers).*/gm)]).toEqual([0, null]);
  expect(service.log().filter(({ level }) => level === "error" || Number(level) >= 50)).toEqual([]);
});

test("neither may reach what is another's, or shut it down", async () => {
  for (const user of ["mm4d", "consumer"]) {
    const redis = new Redis(urlOf(user));
    await expect(redis.get("other")).rejects.toThrow(/NOPERM/);
    for (const command of ["FLUSHALL", "CONFIG", "SHUTDOWN", "KEYS", "SCRIPT"]) {
      const args = { CONFIG: ["GET", "*"], KEYS: ["*"], SCRIPT: ["FLUSH"] }[command] ?? [];
      await expect(redis.call(command, ...args)).rejects.toThrow(/NOPERM/);
    }
    redis.disconnect();
  }
  const operator = new Redis(urlOf("operator"));
  expect(await operator.call("CONFIG", "SET", "maxmemory", "2gb")).toBe("OK");
  operator.disconnect();
});
