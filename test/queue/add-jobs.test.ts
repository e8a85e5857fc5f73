/** What a batch leaves in Redis is what BullMQ's own `Queue.add` leaves, job by job, in whatever state the queue is. */
import { Queue } from "bullmq";
import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AddJobs, addJobsOn, type NewJob } from "../../src/queue/add-jobs.ts";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const NAME = "q";
const TTL = 86_400_000;
const STREAM = 300;
const ORDINARY = { attempts: 3, backoff: { type: "exponential", delay: 2000 }, removeOnFail: { age: 5, count: 7 } };
const LARGE = { ...ORDINARY, removeOnComplete: true };

let server: TestRedis;
let redis: Redis;
let queue: Queue;
let addJobs: AddJobs;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(redisAt(server.url));
  await redis.ping();
  addJobs = addJobsOn({ redis, prefix: "bull", ttl: TTL, onNotCounted: () => {} });
});
afterAll(async () => {
  await queue.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => afresh());

async function afresh(): Promise<void> {
  await redis.flushall();
  await queue?.close();
  queue = new Queue(NAME, { connection: redis, streams: { events: { maxLen: STREAM } } });
  await queue.waitUntilReady();
}

const job = (id: string, event = id, data = "{}", options = ORDINARY): NewJob => ({
  id: `j${id}`,
  name: "mm4d.delivery-report.v1",
  data,
  options,
  deduplicationId: `r${event}`,
  count: null,
});

/** Everything in Redis, but when a job was added. */
async function everything(): Promise<unknown> {
  const keys = (await redis.keys("*")).sort();
  return Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key);
      if (type === "hash") return [key, { ...(await redis.hgetall(key)), timestamp: "" }];
      if (type === "list") return [key, await redis.lrange(key, 0, -1)];
      if (type === "zset") return [key, await redis.zrange(key, 0, -1, "WITHSCORES")];
      if (type === "stream") return [key, (await redis.xrange(key, "-", "+")).map(([, fields]) => fields)];
      return [key, type, await redis.get(key), Math.round((await redis.pttl(key)) / 60_000)];
    }),
  );
}

async function addAlone(jobs: readonly NewJob[]): Promise<readonly string[]> {
  const ends: string[] = [];
  for (const { id, name, data, options, deduplicationId } of jobs) {
    const opts = { ...options, jobId: id, deduplication: { id: deduplicationId, ttl: TTL } };
    ends.push((await queue.add(name, JSON.parse(data), opts)).id ?? "");
  }
  return ends;
}

/** In which a queue may be when a batch comes. */
const STATES: Readonly<Record<string, () => Promise<unknown>>> = {
  ordinary: async () => {},
  paused: () => queue.pause(),
  "bounded, with room": () => queue.setGlobalConcurrency(5),
  "bounded, without room": async () => {
    await queue.setGlobalConcurrency(1);
    await redis.lpush(`bull:${NAME}:active`, "other");
  },
  "without a bound of its events": () => redis.hdel(`bull:${NAME}:meta`, "opts.maxLenEvents"),
  "remembering one for ever whose job is gone": () => redis.set(`bull:${NAME}:de:r3`, "j99"),
  "remembering one whose job is gone": () => redis.set(`bull:${NAME}:de:r3`, "j99", "PX", TTL),
  "with a job whose id is forgotten": () => redis.hset(`bull:${NAME}:j3`, "name", "x"),
};

test.each(Object.entries(STATES))("on a queue that is %s", async (_, set) => {
  // The last stand for the first, within their batch and outside of it.
  const jobs = Array.from({ length: 20 }, (_, index) => job(String(index), String(index % 12)));
  jobs.push(job("0"), job("20", "20", '{"é\\n":"\\"🦊"}', LARGE), job("21"));
  await set();
  const ends = [...(await addJobs(queue, jobs.slice(0, 15))), ...(await addJobs(queue, jobs.slice(15)))];
  const together = await everything();
  await afresh();
  await set();
  expect(ends).toEqual(await addAlone(jobs));
  expect(together).toEqual(await everything());
});

test("any batches, some of a job that was there before", async () => {
  const one = fc.record({
    id: fc.nat(30),
    event: fc.nat(20),
    large: fc.boolean(),
    text: fc.string({ unit: "binary" }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(one, { maxLength: 40 }), { maxLength: 4 }), async (batches) => {
      const made = batches.map((batch) =>
        batch.map(({ id, event, large, text }) =>
          job(String(id), String(event), JSON.stringify({ text }), large ? LARGE : ORDINARY),
        ),
      );
      await afresh();
      const ends: (string | Error)[] = [];
      for (const batch of made) ends.push(...(batch.length === 0 ? [] : await addJobs(queue, batch)));
      const together = await everything();
      await afresh();
      expect(ends).toEqual(await addAlone(made.flat()));
      expect(together).toEqual(await everything());
    }),
    { numRuns: 25 },
  );
});

test("the stream of events is cut as BullMQ cuts it", async () => {
  const jobs = Array.from({ length: 640 }, (_, index) => job(String(index)));
  for (let first = 0; first < jobs.length; first += 32) await addJobs(queue, jobs.slice(first, first + 32));
  const together = await redis.xlen(`bull:${NAME}:events`);
  await afresh();
  await addAlone(jobs);
  const alone = await redis.xlen(`bull:${NAME}:events`);
  expect(Math.abs(together - alone)).toBeLessThanOrEqual(100);
  expect(together).toBeLessThan(STREAM + 100);
});

/** Keys of a queue that hold something else, so that one of BullMQ's commands fails at them. */
test.each(["wait", "events", "marker", "id", "meta"])(
  "where %s cannot be written, nothing stays of a job",
  async (key) => {
    const held = `bull:${NAME}:${key}`;
    await redis.del(held);
    await redis.call(...((key === "wait" ? ["SET", held, "x"] : ["LPUSH", held, "x"]) as [string, ...string[]]));
    const jobs = [job("1"), job("2"), job("1")];
    const ends = await addJobs(queue, jobs);
    expect(ends.map((end) => end instanceof Error && /WRONGTYPE/.test(end.message))).toEqual([true, true, true]);
    expect(await redis.exists(`bull:${NAME}:j1`, `bull:${NAME}:j2`, `bull:${NAME}:de:r1`, `bull:${NAME}:de:r2`)).toBe(
      0,
    );
    await redis.del(held);
    expect(await addJobs(queue, jobs)).toEqual(["j1", "j2", "j1"]);
    expect(await redis.llen(`bull:${NAME}:wait`)).toBeGreaterThanOrEqual(2);
  },
);

test("a Redis without memory refuses all of a batch, and takes all of it later", async () => {
  await redis.config("SET", "maxmemory-policy", "noeviction");
  await redis.config("SET", "maxmemory", "1");
  const jobs = [job("1"), job("2"), job("3")];
  try {
    const ends = await addJobs(queue, jobs).catch((cause: Error) => jobs.map(() => cause));
    expect(ends.map((end) => end instanceof Error && /OOM/.test(end.message))).toEqual([true, true, true]);
    expect(await redis.llen(`bull:${NAME}:wait`)).toBe(0);
  } finally {
    await redis.config("SET", "maxmemory", "0");
  }
  expect(await addJobs(queue, jobs)).toEqual(["j1", "j2", "j3"]);
});
