/** MM4D_ACCEPT=queue: 250 only after BullMQ has stored the job, otherwise 451, and never a long wait. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { rowsOf, type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openData, openSession } from "../support/smtp-client.ts";

const NOT_STORED = "451 4.3.0 Cannot store the report now, try again later";

let redis: TestRedis;
let service: ServiceUnderTest;
let consumer: TestConsumer;

beforeEach(async () => {
  redis = await startRedis(["--appendfsync", "always"]);
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_ACCEPT: "queue", MM4D_LOG_LEVEL: "warn" });
  await eventually(
    () => service.get("/readyz"),
    ({ status }) => status === 200,
  );
  consumer = startConsumer(redis.url);
});
afterEach(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
});

test("1,000 reports from 20 connections, Redis killed meanwhile: every 250 is in the queue once, and there is no journal", async () => {
  const messages = new Map(
    Array.from(
      { length: 1_000 },
      (_, index) => [`mm-${index}`, deliveryReport({ "X-Mms-Message-ID": `mm-${index}` })] as const,
    ),
  );
  let outage: Promise<void> | undefined;
  const ledger = await deliverAll({
    port: service.smtpPort,
    connections: 20,
    messages,
    onAccepted(count) {
      if (count < 300) return;
      outage ??= redis.kill().then(() => redis.start());
    },
  });
  await outage;
  await eventually(
    () => consumer.events.length,
    (length) => length >= messages.size,
  );
  expect(ledger.retries).toBeGreaterThan(0);
  expect(consumer.events.map(({ subject }) => subject).sort()).toEqual([...messages.keys()].sort());
  expect(existsSync(join(service.dataDir, "journal"))).toBe(false);
});

test("while Redis is away reports get 451 at once, and the service is not ready", async () => {
  await redis.kill();
  const { text } = await eventually(
    () => service.get("/readyz"),
    ({ status }) => status === 503,
  );
  expect(text).toMatch(/^Redis has been away for [\w ]+ \(.*\): reports get 451 until it is back\n$/);
  const client = await openSession(service.smtpPort);
  expect(await client.deliver(deliveryReport())).toBe(NOT_STORED);
  await redis.start();
  await eventually(
    () => client.deliver(deliveryReport()),
    (reply) => reply === "250 2.0.0 Report stored",
  );
  client.end();
});

test("the quarantine is counted rightly in this mode too", async () => {
  const client = await openSession(service.smtpPort);
  for (const id of ["1", "2"]) {
    const unreadable = deliveryReport({ "X-Mms-MM-Status-Code": undefined, "X-Mms-Message-ID": id });
    expect(await client.deliver(unreadable)).toBe("250 2.0.0 Message stored for inspection");
  }
  client.end();
  const counted = async () => /mm4d_quarantine_messages (\d+)/.exec((await service.get("/metrics")).text)?.[1];
  expect(await counted()).toBe("2");
  // Measured every five seconds: what was on its way is not counted twice.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  expect(await counted()).toBe("2");
});

test("what only reading shows to belong into a full quarantine gets 451, and is there once when its relay comes again", async () => {
  const small = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_ACCEPT: "queue",
    MM4D_QUEUE: "small",
    MM4D_QUARANTINE_MAX_MESSAGES: "1",
  });
  try {
    await eventually(
      () => small.get("/readyz"),
      ({ status }) => status === 200,
    );
    const client = await openSession(small.smtpPort);
    const tooLarge = (name: string) => deliveryReport({ "X-Mms-Message-ID": `${name}${"m".repeat(5_000)}` });
    const kept = async () => {
      const { stdout } = await runCommandWithin(["quarantine", "list", "--json"], small.env);
      return rowsOf<{ id: string; reason: string }>(stdout);
    };
    expect(await client.deliver(tooLarge("first"))).toBe("250 2.0.0 Report stored");
    const [first, ...others] = await kept();
    expect([first?.reason, others]).toEqual(["event-too-large", []]);
    for (let again = 0; again < 2; again += 1) expect(await client.deliver(tooLarge("second"))).toBe(NOT_STORED);
    expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "other" }))).toBe("250 2.0.0 Report stored");
    expect((await kept()).map(({ id }) => id)).toEqual([first?.id]);
    expect(await small.metric("mm4d_quarantine_full_total")).toBe(2);
    expect(await small.metric("mm4d_journal_aside_records")).toBe(0);

    await runCommandWithin(["quarantine", "drop", "--all"], small.env);
    await eventually(
      () => client.deliver(tooLarge("second")),
      (reply) => reply === "250 2.0.0 Report stored",
    );
    client.end();
    const [second, ...more] = await kept();
    expect([second?.reason, second?.id === first?.id, more]).toEqual(["event-too-large", false, []]);
    const { stdout } = await runCommandWithin(["quarantine", "show", second?.id ?? ""], small.env);
    expect(stdout).toContain("X-Mms-Message-ID: secondm");
    expect(await small.metric("mm4d_quarantined_total")).toBe(2);
  } finally {
    await small.stop();
  }
});

test("a Redis that is frozen costs a relay four seconds and a 451, and its retry is queued once", async () => {
  const client = await openSession(service.smtpPort);
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "before" }))).toBe("250 2.0.0 Report stored");
  process.kill(redis.pid(), "SIGSTOP");
  const gone = await openData(service.smtpPort);
  gone.write(`${deliveryReport({ "X-Mms-Message-ID": "unheard" })}.\r\n`);
  // Answered by the thread that has read the message by then.
  for (let look = 0; look < 2; look++) await service.get("/metrics");
  gone.socket.resetAndDestroy();
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "frozen" }))).toBe(NOT_STORED);
  process.kill(redis.pid(), "SIGCONT");
  await eventually(
    () => client.deliver(deliveryReport({ "X-Mms-Message-ID": "frozen" })),
    (reply) => reply.startsWith("250"),
  );
  client.end();
  const mine = await eventually(
    () => consumer.events.map(({ subject }) => subject).filter((subject) => subject !== "unheard"),
    (subjects) => subjects.includes("frozen"),
  );
  expect(mine).toEqual(["before", "frozen"]);
  const { stdout } = await runCommandWithin(["trace", "unheard"], service.env);
  expect(stdout.replace(/\n {4}/g, " ")).toMatch(
    / bytes; could not be answered "451 4\.3\.0 [^"]*": the connection was closed; it could not be stored/,
  );
});
