/** What Redis still knows of jobs, as BullMQ leaves them. */
import { DelayedError, type JobsOptions, Queue, UnrecoverableError, Worker } from "bullmq";
import { afterEach, expect, test } from "vitest";
import { eventJobs } from "../../src/queue/event-jobs.ts";
import { openFailedJobs } from "../../src/queue/failed.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { EVERY_REPORT } from "../../src/views/filter.ts";
import { jobsOf, jobsSeen } from "../../src/views/jobs-seen.ts";
import { createLiveLook } from "../../src/views/live-rows.ts";
import type { JobSeen } from "../../src/views/views.ts";
import { load } from "../support/load-settings.ts";
import { reported } from "../support/notes.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();
const QUEUE = "events";
/** As they are without any setting. */
const { ordinary: DEFAULTS, large: LARGE } = eventJobs(load({}).config);
const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function add(id: string, options: JobsOptions = DEFAULTS): Promise<void> {
  const queue = new Queue(QUEUE, { connection: own.redis, prefix: own.prefix });
  closing.push(queue);
  await queue.add("event", { messageId: id }, { ...options, jobId: id });
}

function work(consume: (id: string, worker: Worker, token: string) => Promise<unknown>): Worker {
  const worker: Worker = new Worker(
    QUEUE,
    async (job, token) => {
      await consume(job.id ?? "", worker, token ?? "");
    },
    { connection: { url: own.server.url, maxRetriesPerRequest: null }, prefix: own.prefix },
  );
  worker.on("error", () => {}); // It is closed while it waits.
  closing.push(worker);
  return worker;
}

const seen = async (id: string) => (await jobsSeen(own, QUEUE, [id])).get(id);
/** Waits until a job is in a state. */
const until = (id: string, state: JobSeen["state"]) =>
  eventually(
    () => seen(id),
    (job) => job?.state === state,
  );

test("from the queue into a consumer's hands, and done: with the defaults that is known, and for how long it took", async () => {
  await add("j1");
  expect(await seen("j1")).toEqual({ state: "waiting", attempts: 0, tookMs: null, nextAt: null });
  let finish = (): void => {};
  work(() => new Promise<void>((resolve) => (finish = resolve)));
  expect(await until("j1", "active")).toMatchObject({ attempts: 0, tookMs: null });
  finish();
  expect(await until("j1", "done")).toEqual({ state: "done", attempts: 1, tookMs: expect.any(Number), nextAt: null });
});

test("one that fails is tried again, then waits or is given up; and what is done at last is done", async () => {
  await add("j1", { ...DEFAULTS, attempts: 3, backoff: { type: "fixed", delay: 60_000 } });
  let error: Error | null = new Error("connect ECONNREFUSED");
  work(async () => {
    if (error !== null) throw error;
  });
  const before = Date.now();
  const delayed = await until("j1", "delayed");
  expect(delayed).toMatchObject({ attempts: 1, tookMs: null });
  const nextMs = Date.parse(delayed?.nextAt ?? "") - before;
  expect(nextMs).toBeGreaterThan(59_000);
  expect(nextMs).toBeLessThan(180_000);
  error = new UnrecoverableError("no message");
  const queue = new Queue(QUEUE, { connection: own.redis, prefix: own.prefix });
  closing.push(queue);
  await (await queue.getJob("j1"))?.promote();
  expect(await until("j1", "failed")).toMatchObject({ attempts: 2, tookMs: null, nextAt: null });
  error = null;
  const failed = openFailedJobs(own, QUEUE);
  closing.push(failed);
  await failed.retry("j1");
  expect(await until("j1", "done")).toMatchObject({ attempts: 1 });
});

test("what a consumer has put off is delayed without an attempt", async () => {
  await add("j1");
  const at = Date.now() + 3_600_000;
  const worker: Worker = new Worker(
    QUEUE,
    async (job, token) => {
      await job.moveToDelayed(at, token);
      throw new DelayedError();
    },
    { connection: { url: own.server.url, maxRetriesPerRequest: null }, prefix: own.prefix },
  );
  worker.on("error", () => {});
  closing.push(worker);
  expect(await until("j1", "delayed")).toEqual({
    state: "delayed",
    attempts: 0,
    tookMs: null,
    nextAt: new Date(at).toISOString(),
  });
});

test("of what is not kept it is known that it is gone: consumed large events, the oldest consumed, removed ones", async () => {
  await add("large", LARGE);
  await add("first", { ...DEFAULTS, removeOnComplete: { age: 3600, count: 1 } });
  await add("second", { ...DEFAULTS, removeOnComplete: { age: 3600, count: 1 } });
  work(async () => {});
  await until("second", "done");
  const jobs = await jobsSeen(own, QUEUE, ["large", "first", "second", "never", "__proto__"]);
  expect([...jobs].map(([id, { state }]) => [id, state])).toEqual([
    ["large", "gone"],
    ["first", "gone"],
    ["second", "done"],
    ["never", "gone"],
    ["__proto__", "gone"],
  ]);
});

test("of many rows each job is asked for once, and what another program wrote harms nothing", async () => {
  const ids = Array.from({ length: 230 }, (_, index) => `j${index}`);
  for (const id of ids) await own.redis.hset(`${own.prefix}:${QUEUE}:${id}`, "timestamp", "1");
  const odd = { timestamp: "1", atm: "many", processedOn: "later", finishedOn: "sooner" };
  await own.redis.hset(`${own.prefix}:${QUEUE}:j7`, odd);
  await own.redis.hset(`${own.prefix}:${QUEUE}:j8`, { ...odd, finishedOn: "" });
  await own.redis.zadd(`${own.prefix}:${QUEUE}:delayed`, "inf", "j8");
  const rows = [...ids, ...ids, null].map((jobId) => ({ jobId }));
  const jobs = await jobsOf(own, QUEUE, rows);
  expect([...jobs.keys()]).toEqual(ids);
  expect(jobs.get("j7")).toMatchObject({ state: "done", tookMs: null });
  expect(jobs.get("j8")).toMatchObject({ state: "delayed", nextAt: null });
  expect(jobs.get("j229")?.state).toBe("waiting");
});

test("who follows is told what becomes of the rows that were told, until it is over, and nothing where nothing changes", async () => {
  const trace = createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
  const look = createLiveLook(own, QUEUE);
  const looked = async () => {
    const { found, jobs } = await look([EVERY_REPORT]);
    return {
      rows: found.flatMap(({ rows }) => rows.map(({ id }) => id)),
      jobs: [...jobs].map(([id, { state }]) => [id, state]),
    };
  };
  for (const id of ["j1", "j2"]) {
    await add(id);
    trace.write(reported({ "X-Mms-Message-ID": id }, id));
  }
  trace.write(reported({ "X-Mms-Message-ID": "again" }, "j3", { became: { duplicateOf: "j1" } }));
  await trace.flush();
  const both = [
    ["j1", "waiting"],
    ["j2", "waiting"],
  ];
  expect(await looked()).toEqual({ rows: ["j3", "j2", "j1"], jobs: expect.arrayContaining(both) });
  expect(await looked()).toEqual({ rows: [], jobs: [] });
  // Who begins to follow is told what others have heard already.
  const { found, jobs } = await look([EVERY_REPORT, { ...EVERY_REPORT, q: "j1" }]);
  expect([found.flatMap(({ rows }) => rows.map(({ id }) => id)), jobs.get("j1")?.state]).toEqual([["j1"], "waiting"]);
  work(async (id) => {
    if (id === "j2") throw new UnrecoverableError("no message");
  });
  await until("j2", "failed");
  expect(await looked()).toEqual({
    rows: [],
    jobs: expect.arrayContaining([
      ["j1", "done"],
      ["j2", "failed"],
    ]),
  });
  expect(await looked()).toEqual({ rows: [], jobs: [] });
});
