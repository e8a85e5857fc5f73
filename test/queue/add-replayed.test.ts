/** Events of a replay go on their queue once by the replay's own memory, whatever the queue remembers, and as BullMQ itself adds a job. */
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { createReplayPublisher, type ReplayPublisher, replayedJobId } from "../../src/queue/add-replayed.ts";
import { createPublisher } from "../../src/queue/publisher.ts";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { openReplays, type Replay } from "../../src/queue/replays-kept.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { SETTINGS_OF_JOBS, WANTED } from "../support/replays.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const QUEUE = "events";
const AT = "2026-01-02T03:04:05.678Z";

let server: TestRedis;
let redis: Redis;
let replay: Replay;
let publisher: ReplayPublisher;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(redisAt(server.url));
  await redis.ping();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  replay = await begun("one");
  publisher = publisherOf(replay);
});
afterEach(() => publisher.close());

async function begun(name: string): Promise<Replay> {
  const replays = openReplays({ redis, prefix: "bull" });
  const wanted = { ...WANTED, queue: QUEUE };
  await replays.begin(name, { wanted, typed: { since: "2h", until: "" }, by: "me@here", holder: name, rate: 100 });
  return (await replays.find(name)) as Replay;
}

function publisherOf(of: Replay, mostWaiting = 1_000): ReplayPublisher {
  const place = { redis, prefix: "bull" };
  return createReplayPublisher({ place, replay: { ...of, queue: QUEUE }, settings: SETTINGS_OF_JOBS, mostWaiting });
}

const event = (id: string): DeliveryEvent => {
  const made = eventOf(deliveryReport({ "X-Mms-Message-ID": `"${id}@mmsc.example.net"` }));
  return { ...made, data: { ...made.data, replayed: true } };
};
const events = (...ids: readonly string[]): DeliveryEvent[] => ids.map(event);

async function waiting(queue = QUEUE): Promise<readonly string[]> {
  const ids = (await redis.lrange(`bull:${queue}:wait`, 0, -1)).reverse();
  const data = await Promise.all(ids.map((id) => redis.hget(`bull:${queue}:${id}`, "data")));
  return data.map((text) => JSON.parse(text ?? "{}").subject);
}

const subjects = (...ids: readonly string[]) => ids.map((id) => `${id}@mmsc.example.net`);

test("each event is added once, in order, and it is told which were before", async () => {
  expect(await publisher.add(events("a", "b"), AT)).toEqual({
    kind: "added",
    fresh: [true, true],
    published: 2,
    fault: null,
  });
  expect(await publisher.add(events("b", "c", "c"), AT)).toEqual({
    kind: "added",
    fresh: [false, true, false],
    published: 3,
    fault: null,
  });
  expect(await waiting()).toEqual(subjects("a", "b", "c"));
  const found = await openReplays({ redis, prefix: "bull" }).find("one");
  expect([found?.published, found?.place]).toEqual([3, AT]);
});

test("an event that the queue remembers is delivered all the same, again by another replay, and still stands for its report", async () => {
  const ordinary = createPublisher({
    redis,
    settings: { ...SETTINGS_OF_JOBS, queue: QUEUE, queues: [], queuePrefix: "bull", dedupeHours: 24 },
    ackWaitsMs: [],
    onError: () => {},
  });
  // Of now, because counts of long ago are not kept.
  await ordinary.publish([{ id: "j1", kind: "event", event: { ...event("a"), time: new Date().toISOString() } }]);
  const statistics = await redis.keys("bull:mm4d-statistics*");
  expect(await publisher.add(events("a"), AT)).toMatchObject({ fresh: [true] });
  const other = publisherOf(await begun("two"));
  expect(await other.add(events("a"), AT)).toMatchObject({ fresh: [true], published: 1 });
  await other.close();
  expect(await waiting()).toEqual(subjects("a", "a", "a"));
  expect(await redis.get(`bull:${QUEUE}:de:${event("a").id}`)).toBe("j1");
  const again = await ordinary.publish([{ id: "j2", kind: "event", event: event("a") }]);
  expect(again).toEqual([{ earlierJob: "j1" }]);
  await ordinary.close();
  // It is counted as one report.
  const [minute = ""] = statistics.filter((key) => key.includes(":minute:"));
  expect(Object.values(await redis.hgetall(minute))).toEqual(["1"]);
});

test("what it leaves on the queue is what BullMQ's own add leaves", async () => {
  await publisher.add(events("a", "b"), AT);
  const ours = await queueInRedis();
  const names = events("a", "b");
  await redis.del(...(await redis.keys(`bull:${QUEUE}:*`)));
  const queue = new Queue(QUEUE, {
    connection: redis,
    streams: { events: { maxLen: SETTINGS_OF_JOBS.streamKeepCount } },
  });
  await queue.waitUntilReady();
  for (const one of names) {
    const { jobAttempts: attempts, jobBackoffMs, completedKeepSeconds, completedKeepCount } = SETTINGS_OF_JOBS;
    await queue.add(one.type, one, {
      jobId: replayedJobId(replay, one),
      attempts,
      backoff: { type: "exponential", delay: jobBackoffMs },
      removeOnComplete: { age: completedKeepSeconds, count: completedKeepCount },
      removeOnFail: { age: SETTINGS_OF_JOBS.failedKeepSeconds, count: SETTINGS_OF_JOBS.failedKeepCount },
    });
  }
  const theirs = await queueInRedis();
  await queue.close();
  expect(ours).toEqual(theirs);
});

/** Everything of the queue, but when a job was added. */
async function queueInRedis(): Promise<unknown> {
  const keys = (await redis.keys(`bull:${QUEUE}:*`)).sort();
  return Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key);
      if (type === "hash") {
        const { timestamp: _, opts, ...fields } = await redis.hgetall(key);
        return [key, fields, opts === undefined ? null : JSON.parse(opts)];
      }
      if (type === "list") return [key, await redis.lrange(key, 0, -1)];
      if (type === "zset") return [key, await redis.zrange(key, 0, -1, "WITHSCORES")];
      if (type === "stream") return [key, (await redis.xrange(key, "-", "+")).map(([, fields]) => fields)];
      return [key, await redis.get(key)];
    }),
  );
}

test("while enough waits nothing is added, also on a paused queue", async () => {
  const bounded = publisherOf(replay, 2);
  await bounded.add(events("a", "b", "c"), AT);
  expect(await bounded.add(events("d"), AT)).toEqual({ kind: "full" });
  const queue = new Queue(QUEUE, { connection: redis });
  await queue.pause();
  await queue.close();
  expect(await bounded.add(events("d"), AT)).toEqual({ kind: "full" });
  await bounded.close();
  expect(await waiting()).toEqual(subjects("a", "b", "c"));
});

test("another process that goes on with it takes it away, and one that Redis has forgotten ends", async () => {
  const replays = openReplays({ redis, prefix: "bull" });
  expect(await replays.goOn(replay, { by: "you@there", holder: "theirs", rate: 5 })).toBe(true);
  expect(await replays.goOn(replay, { by: "me@here", holder: "mine", rate: 5 })).toBe(false);
  expect(await publisher.add(events("a"), AT)).toEqual({ kind: "taken" });
  await replays.tell("one", "mine", { state: "failed", why: "not ours" });
  expect(await replays.find("one")).toMatchObject({ state: "running", by: "you@there", runs: 2 });
  await redis.flushall();
  expect(await publisher.add(events("a"), AT)).toEqual({ kind: "forgotten" });
  expect(await redis.exists(`bull:${QUEUE}:wait`)).toBe(0);
});

test("what is said of one that is forgotten by now leaves nothing behind", async () => {
  const replays = openReplays({ redis, prefix: "bull" });
  expect([await replays.saysFirst(replay, "begun"), await replays.saysFirst(replay, "begun")]).toEqual([true, false]);
  await redis.flushall();
  expect([await replays.saysFirst(replay, "ended"), await redis.keys("*")]).toEqual([false, []]);
});

test("one that cannot be added ends the batch, is not remembered, and is added when that is mended", async () => {
  await publisher.add(events("a"), AT);
  const [, second, third] = events("a", "b", "c");
  const key = `bull:${QUEUE}:${replayedJobId(replay, second as DeliveryEvent)}`;
  await redis.set(key, "in the way");
  const stuck = await publisher.add([second, third] as DeliveryEvent[], AT);
  expect(stuck).toMatchObject({ kind: "added", fresh: [], published: 1, fault: { message: /WRONGTYPE/ } });
  await redis.del(key);
  expect(await publisher.add([second, third] as DeliveryEvent[], AT)).toMatchObject({
    fresh: [true, true],
    published: 3,
  });
  expect(await waiting()).toEqual(subjects("a", "b", "c"));
});

test("a Redis without memory takes nothing, and nothing is remembered", async () => {
  await publisher.add(events("a"), AT);
  await redis.config("SET", "maxmemory", "1");
  const full = await publisher.add(events("b"), AT).catch((cause: Error) => cause);
  await redis.config("SET", "maxmemory", "0");
  expect(String(full instanceof Error ? full : full.kind === "added" && full.fault)).toMatch(/OOM/);
  expect(await redis.smembers("bull:mm4d-replay:one:ids")).toEqual([event("a").id]);
  expect(await publisher.add(events("b"), AT)).toMatchObject({ fresh: [true] });
  expect(await waiting()).toEqual(subjects("a", "b"));
});
