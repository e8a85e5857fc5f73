/** Further queues: each is given its own copy of what it asked for, whatever becomes of the others. */

import { Queue, UnrecoverableError, Worker } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, PEER } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

let redis: TestRedis;
let service: ServiceUnderTest;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_QUEUES: "billing:final, fraud:tag=spam, analytics:*",
  });
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
});

async function waiting(queue: string): Promise<number> {
  const found = await redis.call("LLEN", `bull:${queue}:wait`).catch(() => -1);
  return Number(found);
}

test("every queue has its own jobs, once each; one that nobody consumes, and a Redis that dies, hold up nobody", async () => {
  const main = startConsumer(redis.url);
  const fraud = startConsumer(redis.url, "fraud");
  const billing = startConsumer(redis.url, "billing");
  const client = await openSession(service.smtpPort);
  const deliver = async (id: string, fields = {}) =>
    expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": id, ...fields }))).toMatch(/^250 /);
  const spam = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };
  for (let index = 0; index < 60; index += 1) {
    await deliver(`delivered-${index}`);
    await deliver(`deferred-${index}`, { "X-Mms-MM-Status-Code": "Deferred" });
    await deliver(`spam-${index}`, spam);
    if (index % 3 === 0) await deliver(`spam-${index}`, { ...spam, "X-Mms-Transaction-ID": `again-${index}` });
    if (index === 30) await redis.kill();
    if (index === 45) {
      await redis.start();
      // The quarantine cannot be looked at from now on: somebody else has put something there.
      await redis.call("SET", `bull:${QUARANTINE_QUEUE}:wait`, "no list");
    }
  }
  client.end();
  const ids = (events: readonly { data: { messageId: string | null } }[]) =>
    new Set(events.map(({ data }) => data.messageId)).size;
  await eventually(
    () => [ids(main.events), ids(billing.events), ids(fraud.events)].join(),
    (counts) => counts === "180,120,60",
  );
  // Nobody has taken anything from there, and nobody has waited for it.
  await eventually(
    () => waiting("analytics"),
    (count) => count === 180,
  );
  await eventually(
    async () => (await runCommandWithin(["status"], service.env)).stdout.replace(/\s+/g, " "),
    (said) => said.includes("Queue analytics: 180 wait"),
  );
  expect((await service.get("/metrics")).text).toContain('mm4d_queue_jobs{queue="analytics",state="waiting"} 180');
  for (const consumer of [main, fraud, billing]) await consumer.stop();
  await redis.call("DEL", `bull:${QUARANTINE_QUEUE}:wait`);
});

test("what is replayed from quarantine goes there too, also by a command that knows only the data directory", async () => {
  const bytes = deliveryReport({ "X-Mms-Message-ID": "mended" });
  const kept = new Queue(QUARANTINE_QUEUE, { connection: { url: redis.url, maxRetriesPerRequest: null } });
  const message = { reason: "internal-error", detail: "x", peer: PEER, receivedAt: "2026-01-02T03:04:05.678Z" };
  await kept.add(
    "internal-error",
    { ...message, raw: Buffer.from(bytes).toString("base64") },
    { jobId: `j${"0".repeat(32)}` },
  );
  await kept.close();
  const before = await waiting("analytics");
  const { MM4D_QUEUES: _, ...env } = service.env;
  expect((await runCommandWithin(["quarantine", "replay", "--all"], env)).stdout).toContain("queued as");
  expect(await waiting("analytics")).toBe(before + 1);
});

test("how `status` says that the failed of a further queue are listed works as it stands", async () => {
  await eventually(
    () => waiting("analytics"),
    (count) => count > 0,
  );
  const failing = new Worker(
    "analytics",
    () => {
      throw new UnrecoverableError("no such table");
    },
    { connection: { url: redis.url, maxRetriesPerRequest: null } },
  );
  failing.on("error", () => {});
  const { stdout } = await eventually(
    () => runCommandWithin(["status"], service.env),
    (said) => /Consumers gave up on .* of the queue analytics/.test(said.stdout.replace(/\s+/g, " ")),
  );
  await failing.close();
  const said = [...stdout.replace(/\s+/g, " ").matchAll(/\(((?:MM4D_\w+=\w* )+)mm4d failed list\)/g)];
  expect(said.length).toBe(2);
  for (const [, settings = ""] of said) {
    const set = settings
      .trim()
      .split(" ")
      .map((one) => one.split("=") as [string, string]);
    const { code, stdout } = await runCommandWithin(["failed", "list"], {
      ...service.env,
      ...Object.fromEntries(set),
    });
    expect([code, stdout]).toEqual([0, expect.stringContaining("no such table")]);
  }
});

test("a further queue has a name of its own", async () => {
  for (const name of ["mm4-delivery-events", "mm4-quarantine", "mm4-acknowledgements"]) {
    const { code, stderr } = await runCommandWithin(["config"], { ...service.env, MM4D_QUEUES: `${name}:*` });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`MM4D_QUEUES names "${name}", which has a use already`),
    ]);
  }
  const { stderr } = await runCommandWithin(["config"], { ...service.env, MM4D_QUEUES: "a:*, a:final" });
  expect(stderr).toContain("MM4D_QUEUES is");
});
