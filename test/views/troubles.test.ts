import { type JobsOptions, Queue, UnrecoverableError, Worker } from "bullmq";
import { afterEach, expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { lookAtQueue } from "../../src/queue/queue-use.ts";
import { retryJobs } from "../../src/views/retry-jobs.ts";
import { findTroubles } from "../../src/views/troubles.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const own = useRedis();
const QUEUE = "events";
const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

function open(): Queue {
  const queue = new Queue(QUEUE, { connection: own.redis, prefix: own.prefix });
  closing.push(queue);
  return queue;
}

const event = (messageId: string) => eventOf(deliveryReport({ "X-Mms-Message-ID": messageId }));

/** Jobs that wait, by their ids; of each the event on a message of that id. */
async function add(ids: readonly string[], options: JobsOptions = {}): Promise<void> {
  const queue = open();
  const made = ids.map((id) => ({ name: "event", data: event(`mm-${id}`), opts: { jobId: id, ...options } }));
  await queue.addBulk(made);
}

/** A consumer that fails each job as it is told, until nothing waits. */
async function fail(errorOf: (id: string) => Error): Promise<void> {
  const worker = new Worker(QUEUE, async ({ id = "" }) => Promise.reject(errorOf(id)), {
    connection: { url: own.server.url, maxRetriesPerRequest: null },
    prefix: own.prefix,
    concurrency: 10,
  });
  worker.on("error", () => {}); // It is closed while it waits.
  await eventually(
    () => lookAtQueue(own, QUEUE),
    ({ jobs }) => jobs.waiting === 0 && jobs.active === 0,
  );
  await worker.close();
}

const idsOf = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `j${from + index}`);
const failedIds = () => own.redis.zrange(`${own.prefix}:${QUEUE}:failed`, 0, -1);

test("failed jobs are grouped by what their errors have in common, the most frequent first", async () => {
  await add(idsOf(13));
  await fail((id) =>
    Number(id.slice(1)) < 10
      ? new UnrecoverableError(`no message mm-${id} in table messages\nat line ${id}`)
      : new UnrecoverableError("connect ECONNREFUSED 10.0.0.5:5432 (billing database)"),
  );
  const { failed, retrying } = await findTroubles(own, QUEUE);
  expect(retrying).toEqual({ groups: [], jobs: 0, lookedAt: 0 });
  expect([failed.jobs, failed.lookedAt]).toEqual([13, 13]);
  expect(failed.groups.map(({ jobs }) => jobs)).toEqual([10, 3]);
  const [group] = failed.groups;
  expect(group).toMatchObject({
    error: expect.stringMatching(/^[0-9a-f]{16}$/),
    example: expect.stringMatching(/^no message mm-j\d in table messages$/),
    next: null,
  });
  expect(group?.firstAt && group.lastAt && group.firstAt <= group.lastAt).toBe(true);
  expect(group?.newest).toHaveLength(10);
  const [newest] = group?.newest ?? [];
  expect(newest).toEqual({
    id: expect.stringMatching(/^j\d$/),
    eventId: event(`mm-${newest?.id}`).id,
    messageId: `mm-${newest?.id}`,
    numbers: ["12025550100", "12025550199"],
    attempts: 1,
    at: group?.lastAt,
    text: expect.stringMatching(/^no message mm-j\d in table messages\nat line j\d$/),
  });
  // Its name is of what is alike, and so another day's is the same.
  expect((await findTroubles(own, QUEUE)).failed.groups[0]?.error).toBe(group?.error);
});

test("jobs that are tried again have their own groups, and when the next of them is tried", async () => {
  await add(idsOf(4), { attempts: 5, backoff: { type: "fixed", delay: 60_000 } });
  const before = Date.now();
  await fail(() => new Error("connect ECONNREFUSED 10.0.0.5:5432"));
  const { failed, retrying } = await findTroubles(own, QUEUE);
  expect(failed.jobs).toBe(0);
  expect([retrying.jobs, retrying.lookedAt, retrying.groups.length]).toEqual([4, 4, 1]);
  const [group] = retrying.groups;
  expect(group?.example).toBe("connect ECONNREFUSED 10.0.0.5:5432");
  const inMs = Date.parse(group?.next ?? "") - before;
  expect(inMs).toBeGreaterThan(59_000);
  expect(inMs).toBeLessThan(120_000);
  expect(Date.parse(group?.firstAt ?? "")).toBeGreaterThanOrEqual(before);
  expect(group?.newest.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1]);
});

test("whatever stands in a job is told, and no more of it than a person looks at", async () => {
  const queue = open();
  await queue.add("event", "no event at all", { jobId: "text" });
  await queue.add("event", event('"quoted" \\ and <b>'), { jobId: "quoted" });
  await queue.add("event", { data: { raw: { note: '"messageId":"forged' } } }, { jobId: "forged" });
  await queue.add("event", event(`mm-${"ö".repeat(900)}`), { jobId: "long" });
  await queue.add("event", {}, { jobId: "foreign" });
  await own.redis.hset(`${own.prefix}:${QUEUE}:foreign`, { data: '{"messageId":"\\x"}' });
  await own.redis.lrem(`${own.prefix}:${QUEUE}:wait`, 0, "foreign");
  await own.redis.zadd(`${own.prefix}:${QUEUE}:failed`, 1, "foreign");
  await fail((id) => new UnrecoverableError(id === "text" ? "" : `${id} ${"+12025550100 ".repeat(400)}`));
  const { groups } = (await findTroubles(own, QUEUE)).failed;
  const rows = new Map(groups.flatMap(({ newest }) => newest).map((row) => [row.id, row]));
  expect([...rows.keys()].sort()).toEqual(["foreign", "forged", "long", "quoted", "text"]);
  expect(rows.get("foreign")).toMatchObject({ eventId: null, messageId: null, numbers: [], text: "" });
  expect(rows.get("text")).toMatchObject({ messageId: null, text: "" });
  expect(rows.get("quoted")?.messageId).toBe(event('"quoted" \\ and <b>').data.messageId);
  expect(rows.get("forged")?.messageId).toBe(null);
  expect(rows.get("long")?.messageId).toBe(`mm-${"ö".repeat(900)}`);
  for (const { text } of rows.values()) {
    expect(text.length).toBeLessThanOrEqual(BOUNDS.errorShown.value + 1);
    // No half number, which would not be masked.
    expect(text).not.toMatch(/\+\d{1,10}…$/);
  }
  for (const { example } of groups) expect(example).not.toMatch(/\+\d{1,10}…$/);
});

test("one is given back, and no other; then none that has not failed", async () => {
  await add(idsOf(3));
  await fail(() => new UnrecoverableError("gone"));
  expect(await retryJobs(own, QUEUE, { id: "j1" })).toBe(1);
  expect((await failedIds()).sort()).toEqual(["j0", "j2"]);
  expect(await own.redis.hmget(`${own.prefix}:${QUEUE}:j1`, "atm", "failedReason")).toEqual([null, null]);
  expect(await retryJobs(own, QUEUE, { id: "j1" })).toBe(0);
  expect(await retryJobs(own, QUEUE, { id: "no such job" })).toBe(0);
  // Keys of BullMQ itself.
  for (const id of ["failed", "id", "meta"]) expect([id, await retryJobs(own, QUEUE, { id })]).toEqual([id, 0]);
  expect((await lookAtQueue(own, QUEUE)).jobs).toMatchObject({ waiting: 1, failed: 2 });
});

test("all of an error are given back, also those that were not looked at, and none of another", async () => {
  const many = BOUNDS.jobsLookedAt.value + 300;
  await add(idsOf(many));
  await fail((id) => new UnrecoverableError(Number(id.slice(1)) % 100 === 0 ? "another" : `no message mm-${id}`));
  const { failed } = await findTroubles(own, QUEUE);
  expect([failed.jobs, failed.lookedAt]).toEqual([many, BOUNDS.jobsLookedAt.value]);
  const [group] = failed.groups;
  expect(group?.jobs).toBe(990);
  expect(group?.newest).toHaveLength(BOUNDS.jobsOfError.value);
  expect(await retryJobs(own, QUEUE, { error: group?.error ?? "" })).toBe(many - 13);
  const left = await findTroubles(own, QUEUE);
  expect(left.failed.groups.map(({ example, jobs }) => [example, jobs])).toEqual([["another", 13]]);
  expect(await retryJobs(own, QUEUE, { error: "0000000000000000" })).toBe(0);
  expect((await lookAtQueue(own, QUEUE)).jobs).toMatchObject({ waiting: many - 13, failed: 13 });
});

test("what takes too long is given back in part, and asked again, wholly", async () => {
  await add(idsOf(45));
  await fail(() => new UnrecoverableError("gone"));
  const error = (await findTroubles(own, QUEUE)).failed.groups[0]?.error ?? "";
  const given: number[] = [];
  for (let count = -1; count !== 0; ) {
    count = await retryJobs(own, QUEUE, { error }, { until: performance.now() - 1 });
    given.push(count);
  }
  expect(given).toEqual([20, 20, 5, 0]);
});

test("where giving back breaks off, those that had been given back were told", async () => {
  await add(idsOf(45));
  await fail(() => new UnrecoverableError("gone"));
  const error = (await findTroubles(own, QUEUE)).failed.groups[0]?.error ?? "";
  // Its job cannot be read.
  await own.redis.hset(`${own.prefix}:${QUEUE}:j25`, { data: "{" });
  const told: number[] = [];
  await expect(retryJobs(own, QUEUE, { error }, { onGiven: (count) => told.push(count) })).rejects.toThrow();
  expect(told.length).toBeGreaterThan(0);
  expect((await lookAtQueue(own, QUEUE)).jobs.waiting).toBe(told.at(-1));
});

test("a job that was removed while its queue still lists it harms nothing", async () => {
  await add(idsOf(2));
  await fail(() => new UnrecoverableError("gone"));
  await own.redis.del(`${own.prefix}:${QUEUE}:j0`);
  const { failed } = await findTroubles(own, QUEUE);
  expect(failed.groups.map(({ example, jobs }) => [example, jobs]).sort()).toEqual([
    ["", 1],
    ["gone", 1],
  ]);
  for (const { error } of failed.groups) await retryJobs(own, QUEUE, { error });
  expect(await failedIds()).toEqual(["j0"]);
});

test("giving back leaves the queue's settings as they are", async () => {
  const streams = { events: { maxLen: 77 } };
  closing.push(new Queue(QUEUE, { connection: own.redis, prefix: own.prefix, streams }));
  const meta = () => own.redis.hget(`${own.prefix}:${QUEUE}:meta`, "opts.maxLenEvents");
  await eventually(meta, (most) => most === "77");
  await retryJobs(own, QUEUE, { id: "j1" });
  expect(await meta()).toBe("77");
});

test("a time that none can be is not told, and hides nothing", async () => {
  await add(["j1"]);
  await fail(() => new UnrecoverableError("gone"));
  await own.redis.zadd(`${own.prefix}:${QUEUE}:failed`, 1e300, "j1");
  const [group] = (await findTroubles(own, QUEUE)).failed.groups;
  expect([group?.jobs, group?.lastAt, group?.newest.map(({ id, at }) => [id, at])]).toEqual([1, null, [["j1", null]]]);
});
