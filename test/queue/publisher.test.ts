import { createHash } from "node:crypto";
import { type JobsOptions, Queue, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Acknowledgement } from "../../src/delivery/acknowledgement.ts";
import { type FanOut, readFanOut } from "../../src/delivery/fan-out.ts";
import { acknowledgementId, retrySchedule } from "../../src/queue/owed-jobs.ts";
import { createPublisher, type Publishable, type Publisher } from "../../src/queue/publisher.ts";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { readServer, unsuitable } from "../../src/queue/redis-server.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { publishOne } from "../support/publishing.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, eventOf, PEER } from "../support/report.ts";

let server: TestRedis;
let redis: Redis;
let publisher: Publisher;

const QUEUE = "mm4-delivery-events";
const SETTINGS = {
  queue: QUEUE,
  queues: [] as readonly FanOut[],
  queuePrefix: "bull",
  dedupeHours: 24,
  jobAttempts: 10,
  jobBackoffMs: 2000,
  completedKeepSeconds: 3600,
  completedKeepCount: 10_000,
  failedKeepSeconds: 1_209_600,
  failedKeepCount: 100_000,
  streamKeepCount: 10_000,
};
const OWED: Acknowledgement = {
  messageType: "MM4_delivery_report.RES",
  version: "6.3.0",
  transactionId: null,
  messageId: '"mm-1@mmsc.example.net"',
  to: "system@mmsc.example.net",
  originator: null,
  peer: "carrier",
  eventId: null,
  receivedAt: "2026-01-02T03:04:05.678Z",
  requestStatus: "Ok",
  statusText: null,
  numbers: [],
};
const publisherOn = (client: Redis, changes: Partial<typeof SETTINGS> = {}) =>
  createPublisher({
    redis: client,
    settings: { ...SETTINGS, ...changes },
    ackWaitsMs: retrySchedule(10),
    onError: () => {},
  });
const event = (id: string) => eventOf(deliveryReport({ "X-Mms-Message-ID": id }));
const record = (recordId: string, messageId = recordId): Publishable => ({
  id: `j${recordId}`,
  kind: "event",
  event: event(messageId),
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  redis = connectRedis(redisAt(server.url));
  redis.on("error", () => {});
  await redis.ping();
  await redis.flushall();
  publisher = publisherOn(redis);
});
afterEach(async () => {
  await publisher.close();
  redis.disconnect();
});

async function withQueue<T>(name: string, use: (queue: Queue) => Promise<T>): Promise<T> {
  const queue = new Queue(name, { connection: { url: server.url } });
  try {
    return await use(queue);
  } finally {
    await queue.close();
  }
}

test("publish() makes one job: the event as data, its type as name, the options of the contract", async () => {
  expect(await publishOne(publisher, record("1"))).toEqual({ earlierJob: null });
  const [job] = await withQueue(QUEUE, (queue) => queue.getWaiting());
  expect(job?.id).toBe("j1");
  expect(job?.name).toBe("mm4d.delivery-report.v1");
  expect(job?.data).toEqual(JSON.parse(JSON.stringify(event("1"))));
  expect(job?.opts).toMatchObject({
    attempts: 10,
    backoff: { type: "exponential", delay: 2000 },
    removeOnComplete: { age: 3600, count: 10_000 },
    removeOnFail: { age: 1_209_600, count: 100_000 },
    deduplication: { id: event("1").id, ttl: 86_400_000 },
  });
});

test("the same record again is no second job, and no duplicate of itself", async () => {
  await publishOne(publisher, record("1"));
  expect(await publishOne(publisher, record("1"))).toEqual({ earlierJob: null });
  expect(await withQueue(QUEUE, (queue) => queue.count())).toBe(1);
});

test("another record of the same event is a duplicate of the first, also after that was consumed and removed", async () => {
  const publishing = publisherOn(redis, { completedKeepSeconds: 0, completedKeepCount: 0 });
  await publishOne(publishing, record("1", "same"));
  expect(await publishOne(publishing, record("2", "same"))).toEqual({ earlierJob: "j1" });
  await consumeOne();
  expect(await withQueue(QUEUE, (queue) => queue.getJob("j1"))).toBeUndefined();
  expect(await publishOne(publishing, record("3", "same"))).toEqual({ earlierJob: "j1" });
  expect(await withQueue(QUEUE, (queue) => queue.count())).toBe(0);
  await publishing.close();
});

test("a job that somebody removes by hand is forgotten with its event's id, as docs/guarantees.md says", async () => {
  await publishOne(publisher, record("1", "same"));
  await consumeOne();
  await withQueue(QUEUE, (queue) => queue.clean(0, 0, "completed"));
  expect(await publishOne(publisher, record("2", "same"))).toEqual({ earlierJob: null });
});

async function consumeOne(): Promise<void> {
  const worker = new Worker(QUEUE, async () => {}, { connection: { url: server.url } });
  await new Promise((resolve) => worker.once("completed", resolve));
  await worker.close();
}

test("a consumed job is kept for people to look at when its event is small, and removed when it is large", async () => {
  const large = eventOf(
    deliveryReport({ "X-Mms-Message-ID": "large", From: "é".repeat(1_000), "X-Mms-Note": "é".repeat(6_000) }),
  );
  expect(Buffer.byteLength(JSON.stringify(large))).toBeGreaterThan(16_384);
  await publishOne(publisher, { id: "jlarge", kind: "event", event: large });
  await consumeOne();
  await publishOne(publisher, record("small"));
  await consumeOne();
  const completed = await withQueue(QUEUE, (queue) => queue.getCompleted());
  expect(completed.map(({ id }) => id)).toEqual(["jsmall"]);
  // It is remembered all the same.
  await publishOne(publisher, { id: "jagain", kind: "event", event: large });
  expect(await withQueue(QUEUE, (queue) => queue.count())).toBe(0);
});

test("BullMQ's event stream is kept short", async () => {
  const publishing = publisherOn(redis, { streamKeepCount: 100 });
  for (let index = 0; index < 1_000; index++) await publishOne(publishing, record(`s${index}`));
  // Redis cuts a stream by whole nodes of a hundred entries.
  expect(await redis.xlen(`bull:${QUEUE}:events`)).toBeLessThan(400);
  await publishing.close();
});

test("hostile ids in a report touch nothing but their own event", async () => {
  const hostile = [
    "meta",
    "id",
    "wait",
    "events",
    "1",
    "0",
    "0:1",
    "a:b",
    // As long as an id may be.
    "x".repeat(1_000),
    // One quote alone is an id of which nothing is left, as a control character is.
    'a"b',
    "\u0000",
    "🦊",
    "__proto__",
  ];
  for (const [index, id] of hostile.entries()) {
    await publishOne(publisher, { id: `jh${index}`, kind: "event", event: event(id) });
  }
  expect(await publishOne(publisher, record("ordinary"))).toEqual({ earlierJob: null });
  expect(await withQueue(QUEUE, (queue) => queue.count())).toBe(hostile.length + 1);
});

test("an unreadable message goes whole to the quarantine, once", async () => {
  const raw = Buffer.from([0, 1, 255]).toString("base64");
  const message = {
    reason: "no-status" as const,
    detail: null,
    peer: PEER,
    receivedAt: "2026-01-02T03:04:05.678Z",
    raw,
  };
  await publishOne(publisher, { id: "jq1", kind: "quarantine", message });
  expect(await publishOne(publisher, { id: "jq2", kind: "quarantine", message })).toEqual({ earlierJob: "jq1" });
  const [job] = await withQueue(QUARANTINE_QUEUE, (queue) => queue.getWaiting());
  expect([job?.name, job?.data]).toEqual(["no-status", message]);
});

test("publish() is refused at once while Redis is away, and works again by itself", async () => {
  await publishOne(publisher, record("before"));
  await server.kill();
  await eventually(
    () => redis.status,
    (status) => status !== "ready",
  );
  await expect(publishOne(publisher, record("during"))).rejects.toThrow("Redis is not connected");
  await server.start();
  await eventually(
    () => redis.status,
    (status) => status === "ready",
  );
  expect(await publishOne(publisher, record("during"))).toEqual({ earlierJob: null });
});

test("a publisher whose Redis froze while its queue was being made works when Redis does", async () => {
  process.kill(server.pid(), "SIGSTOP");
  try {
    await expect(publishOne(publisher, record("frozen"))).rejects.toThrow();
  } finally {
    process.kill(server.pid(), "SIGCONT");
  }
  const attempt = () => publishOne(publisher, record("frozen")).catch(() => undefined);
  expect(await eventually(attempt, (published) => published !== undefined)).toEqual({ earlierJob: null });
});

test("a publisher whose Redis was never there refuses, and publishes when it comes", async () => {
  await server.kill();
  const late = connectRedis(redisAt(server.url));
  late.on("error", () => {});
  const publishing = publisherOn(late);
  await expect(publishOne(publishing, record("late"))).rejects.toThrow("Redis is not connected");
  await server.start();
  await eventually(
    () => late.status,
    (status) => status === "ready",
  );
  expect(await publishOne(publishing, record("late"))).toEqual({ earlierJob: null });
  await publishing.close();
  late.disconnect();
});

test("a database that the server does not have is an error, and nothing is put into another one", async () => {
  const reasons: string[] = [];
  const lost = connectRedis(redisAt(`${server.url}/99`));
  lost.on("error", ({ message }) => void reasons.push(message));
  const publishing = publisherOn(lost);
  await eventually(
    () => reasons.length,
    (length) => length >= 3,
  );
  await expect(publishOne(publishing, record("lost"))).rejects.toThrow();
  expect(reasons[0]).toContain("DB index is out of range");
  expect(await redis.dbsize()).toBe(0);
  lost.disconnect();
});

const UNREADABLE = { reason: "no-status", detail: null, peer: PEER, receivedAt: OWED.receivedAt, raw: "YQ==" } as const;

test.each<readonly [string, Publishable]>([
  [QUEUE, record("r1")],
  [ACKNOWLEDGEMENTS_QUEUE, { ...record("r1"), acknowledgement: OWED }],
  [QUARANTINE_QUEUE, { id: "jr1", kind: "quarantine", message: UNREADABLE }],
])("what %s did not take is on it when it is tried again", async (queue, tried) => {
  const publisher = publisherOn(redis);
  await redis.set(`bull:${queue}:wait`, "no list");
  await expect(publishOne(publisher, tried)).rejects.toThrow(/WRONGTYPE/);
  await expect(publishOne(publisher, tried)).rejects.toThrow(/WRONGTYPE/);
  await redis.del(`bull:${queue}:wait`);
  expect(await publishOne(publisher, tried)).toEqual({ earlierJob: null });
  expect(await redis.llen(`bull:${queue}:wait`)).toBe(1);
  await publisher.close();
});

test("readServer() tells one Redis from the next, and what is wrong with its settings", async () => {
  const before = await readServer(redis);
  expect(unsuitable(before)).toEqual([]);
  expect((await readServer(redis)).identity).toBe(before.identity);
  await redis.config("SET", "maxmemory-policy", "allkeys-lru");
  await redis.config("SET", "appendonly", "no");
  expect(unsuitable(await readServer(redis))).toEqual([
    expect.stringContaining('maxmemory-policy is "allkeys-lru", must be "noeviction"'),
    expect.stringContaining('appendonly is "no", must be "yes"'),
  ]);
  await server.kill();
  await server.start();
  await eventually(
    () => redis.status,
    (status) => status === "ready",
  );
  const after = await readServer(redis);
  expect(after.identity).not.toBe(before.identity);
});

test("an event that one further queue cannot take is not published yet, and is in each once when it is", async () => {
  const queues = ["billing:final", "open:final=no", "all:*"]
    .map((text) => readFanOut(text))
    .filter((one) => one !== undefined);
  await publisher.close();
  publisher = publisherOn(redis, { queues });
  await redis.set("bull:all:wait", "no list");
  await expect(publishOne(publisher, record("r1"))).rejects.toThrow(/WRONGTYPE/);
  await redis.del("bull:all:wait", ...(await redis.keys("bull:all:de:*")), "bull:all:r1");
  expect(await publishOne(publisher, record("r1"))).toEqual({ earlierJob: null });
  expect(await publishOne(publisher, record("r2", "r1"))).toEqual({ earlierJob: "jr1" });
  const lengths = await Promise.all([QUEUE, "billing", "open", "all"].map((name) => redis.llen(`bull:${name}:wait`)));
  expect(lengths).toEqual([1, 1, 0, 1]);
});

/** Everything of a queue in Redis, but when a job was added. */
async function everything(name: string): Promise<ReadonlyMap<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const key of (await redis.keys(`bull:${name}:*`)).sort()) {
    const type = await redis.type(key);
    if (type === "hash") found.set(key, { ...(await redis.hgetall(key)), timestamp: "" });
    else if (type === "list") found.set(key, await redis.lrange(key, 0, -1));
    else if (type === "zset") found.set(key, await redis.zrange(key, 0, -1, "WITHSCORES"));
    else if (type === "stream")
      found.set(
        key,
        (await redis.xrange(key, "-", "+")).map(([, fields]) => fields),
      );
    else found.set(key, [type, await redis.get(key), (await redis.pttl(key)) > 86_000_000]);
  }
  return found;
}

test("jobs that are added together are, byte by byte, what Queue.add makes of each", async () => {
  // More than one call takes, duplicates among them.
  const records = Array.from({ length: 150 }, (_, index) => record(String(index), String(index % 140)));
  const published = [];
  for (let first = 0; first < records.length; first += 64)
    published.push(...(await publisher.publish(records.slice(first, first + 64))));
  const together = await everything(QUEUE);
  await redis.flushall();

  const alone: unknown[] = [];
  await withQueue(QUEUE, async (queue) => {
    for (const { id, event: data } of records as Extract<Publishable, { kind: "event" }>[]) {
      const job = await queue.add(data.type, data, {
        attempts: 10,
        backoff: { type: "exponential", delay: 2000 },
        removeOnComplete: { age: 3600, count: 10_000 },
        removeOnFail: { age: 1_209_600, count: 100_000 },
        jobId: id,
        deduplication: { id: data.id, ttl: 86_400_000 },
      });
      alone.push({ earlierJob: job.id === id ? null : job.id });
    }
  });
  expect(published).toEqual(alone);
  expect(together).toEqual(await everything(QUEUE));
});

test("acknowledgements that are added together are, byte by byte, what Queue.add makes of each", async () => {
  const owing = ["1", "2", "3"].map((id): Publishable & { readonly acknowledgement: Acknowledgement } => ({
    id: `j${id}`,
    kind: "acknowledgement",
    acknowledgement: { ...OWED, transactionId: `"é ${id}"` },
  }));
  await publisher.publish(owing);
  // Again, as after a change of Redis: nothing is sent twice.
  await publisher.publish(owing);
  const together = await everything(ACKNOWLEDGEMENTS_QUEUE);
  await redis.flushall();

  await withQueue(ACKNOWLEDGEMENTS_QUEUE, async (queue) => {
    for (const { id: recordId, acknowledgement } of [...owing, ...owing]) {
      const id = acknowledgementId(acknowledgement, recordId);
      await queue.add(acknowledgement.messageType, acknowledgement, {
        attempts: 12,
        backoff: { type: "schedule" },
        stackTraceLimit: 0,
        removeOnComplete: { age: 432_000, count: 10_000 },
        removeOnFail: { age: 1_209_600, count: 100_000 },
        jobId: id,
        deduplication: { id, ttl: 86_400_000 },
      });
    }
  });
  expect(together.size).toBeGreaterThan(owing.length * 2);
  expect(together).toEqual(await everything(ACKNOWLEDGEMENTS_QUEUE));
});

test("unreadable messages are, byte by byte, what Queue.add makes of each", async () => {
  const unreadable = (id: string, raw: string): Extract<Publishable, { kind: "quarantine" }> => ({
    id: `j${id}`,
    kind: "quarantine",
    message: { ...UNREADABLE, detail: 'é "x"', raw },
  });
  const records = [unreadable("1", "YQ=="), unreadable("2", "Yg=="), unreadable("3", "YQ==")];
  const published = await publisher.publish(records);
  const ours = await everything(QUARANTINE_QUEUE);
  expect(ours.size).toBeGreaterThan(records.length);
  await redis.flushall();

  const alone: unknown[] = [];
  await withQueue(QUARANTINE_QUEUE, async (queue) => {
    for (const { id, message } of records) {
      const said = createHash("sha256").update(`${message.peer.name}\n${message.raw}`).digest("hex");
      const options = { jobId: id, deduplication: { id: `q${said.slice(0, 32)}`, ttl: 86_400_000 } };
      const job = await queue.add(message.reason, message, { ...options, peer: message.peer.name } as JobsOptions);
      alone.push({ earlierJob: job.id === id ? null : job.id });
    }
  });
  expect(published).toEqual(alone);
  expect(ours).toEqual(await everything(QUARANTINE_QUEUE));
});

test("one that Redis does not take keeps no other from the queue", async () => {
  const spoilt = record("spoilt");
  if (spoilt.kind !== "event") throw new Error("It is an event");
  // The key under which its id would be remembered holds something else: BullMQ's script fails at it.
  await redis.lpush(`bull:${QUEUE}:de:${spoilt.event.id}`, "x");
  const records = [record("a"), spoilt, record("b"), record("c")];
  const ends = await publisher.publish(records);
  expect(ends.map((end) => end instanceof Error)).toEqual([false, true, false, false]);
  expect(await withQueue(QUEUE, (queue) => queue.getWaitingCount())).toBe(3);
});

test("where the statistics may not be written, events are queued all the same, and that is told", async () => {
  await redis.call("ACL", "SETUSER", "limited", "on", ">secret", "+@all", `~bull:${QUEUE}:*`, "&*");
  const limited = connectRedis(redisAt(server.url.replace("redis://", "redis://limited:secret@")));
  const told: string[] = [];
  const own = createPublisher({
    redis: limited,
    settings: SETTINGS,
    ackWaitsMs: retrySchedule(10),
    onError: (cause) => told.push(cause.message),
  });
  try {
    await eventually(
      () => limited.status,
      (status) => status === "ready",
    );
    const ends = await own.publish([record("1"), record("2"), record("1")]);
    expect(ends).toEqual([{ earlierJob: null }, { earlierJob: null }, { earlierJob: null }]);
    expect(await withQueue(QUEUE, (queue) => queue.getWaitingCount())).toBe(2);
    await publishOne(own, record("3"));
    expect(told).toEqual([expect.stringMatching(/can't access at least one of the keys/)]);
  } finally {
    await own.close();
    limited.disconnect();
    await redis.call("ACL", "DELUSER", "limited");
  }
});
