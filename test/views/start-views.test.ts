import { setTimeout as wait } from "node:timers/promises";
import { Queue } from "bullmq";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { textOf } from "../../src/delivery/event-text.ts";
import { redisAt } from "../../src/queue/redis.ts";
import { networkOf } from "../../src/smtp/access.ts";
import { packBlock } from "../../src/trace/blocks.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { EVERY_REPORT } from "../../src/views/filter.ts";
import { startViews } from "../../src/views/start-views.ts";
import type { LiveRows, Views } from "../../src/views/views.ts";
import { reported } from "../support/notes.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { VIEWS_THREAD } from "../support/service.ts";

const own = useRedis();
const faults: Error[] = [];
let views: Views;

beforeEach(() => {
  faults.length = 0;
  views = startViews({
    thread: VIEWS_THREAD,
    redis: redisAt(own.server.url),
    prefix: own.prefix,
    queues: ["events"],
    networkOf,
    onFault: (cause) => faults.push(cause),
  });
});
afterEach(() => views.close());

const writer = () => createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });

async function write(...ids: readonly string[]): Promise<void> {
  const trace = writer();
  for (const id of ids) trace.write(reported({ "X-Mms-Message-ID": `mm-${id}` }, id));
  await trace.flush();
}

test("the thread answers what is asked, and many ask the same at the price of one", async () => {
  await write("j1", "j2");
  const pages = await Promise.all(Array.from({ length: 200 }, () => views.reports(EVERY_REPORT, null)));
  expect(pages[0]?.rows.map(({ id }) => id)).toEqual(["j2", "j1"]);
  expect(new Set(pages).size).toBe(1);
  const { entries, more } = await views.entries("mm-j1");
  expect([entries.map(({ kind }) => kind), more]).toEqual([["report"], false]);
  const nothing = { groups: [], jobs: 0, lookedAt: 0 };
  expect(await views.troubles("events")).toEqual({ failed: nothing, retrying: nothing });
  await expect(views.troubles("others")).rejects.toThrow('There is no queue "others"');
  await expect(views.retry("others", { id: "j1" })).rejects.toThrow('There is no queue "others"');
});

test("a report is found by the id of its job, while that is kept", async () => {
  const entry = reported({ "X-Mms-Message-ID": "mm-of-job" }, "j0123456789abcdef0123456789abcdef");
  const trace = writer();
  trace.write(entry);
  await trace.flush();
  const event = eventOf(deliveryReport({ "X-Mms-Message-ID": "mm-of-job" }));
  expect(event.id).toBe(entry.ids.eventId);
  const found = async (q: string) => [
    (await views.reports({ ...EVERY_REPORT, q }, null)).rows.map(({ id }) => id),
    (await views.entries(q)).entries.length,
  ];
  expect(await found(entry.id)).toEqual([[], 0]);
  await own.redis.hset(`${own.prefix}:events:${entry.id}`, { data: textOf(event) });
  expect(await found(entry.id)).toEqual([[entry.id], 1]);
  expect(await found(` ${entry.id} `)).toEqual([[entry.id], 1]);
  expect(await found("j0123456789abcdef0123456789abcde0")).toEqual([[], 0]);
});

test("more questions than may wait are refused, and the others answered", async () => {
  await write("j1");
  const most = BOUNDS.viewsWaiting.value;
  const asked = Array.from({ length: most + 5 }, (_, code) => views.reports({ ...EVERY_REPORT, code }, null));
  const ends = await Promise.allSettled(asked);
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(most);
  expect(ends.at(-1)).toMatchObject({
    reason: new Error("Too many pages are asked for at once: ask again in some seconds"),
  });
  expect((await views.reports(EVERY_REPORT, null)).rows).toHaveLength(1);
});

test("one client has half of the room, and a question that others ask as well is answered anyhow", async () => {
  await write("j1");
  const half = BOUNDS.viewsWaiting.value / 2;
  const asked = Array.from({ length: half + 1 }, (_, code) =>
    views.reports({ ...EVERY_REPORT, code }, null, `2001:db8::${code}`),
  );
  const other = views.reports(EVERY_REPORT, null, "192.0.2.1");
  const shared = views.reports(EVERY_REPORT, null, "2001:db8::ffff");
  const ends = await Promise.allSettled(asked);
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(half);
  expect(ends.at(-1)?.status).toBe("rejected");
  expect((await other).rows).toHaveLength(1);
  expect(await shared).toBe(await other);
  expect((await views.reports({ ...EVERY_REPORT, code: 99 }, null, "2001:db8::1")).rows).toEqual([]);
});

/** Jobs of the queue that have failed, all with one error, by which they are named. */
async function failed(count: number): Promise<{ readonly error: string; readonly waiting: () => Promise<number> }> {
  const queue = new Queue("events", { connection: own.redis, prefix: own.prefix });
  await queue.addBulk(
    Array.from({ length: count }, (_, index) => ({ name: "event", data: {}, opts: { jobId: `j${index}` } })),
  );
  const base = `${own.prefix}:events`;
  await own.redis.del(`${base}:wait`);
  for (let index = 0; index < count; index += 1) {
    await own.redis.hset(`${base}:j${index}`, { failedReason: "gone", finishedOn: 1_000 });
    await own.redis.zadd(`${base}:failed`, 1_000, `j${index}`);
  }
  await queue.close();
  const error = (await views.troubles("events")).failed.groups[0]?.error ?? "";
  return { error, waiting: () => own.redis.llen(`${base}:wait`) };
}

test("of several who give the same back at once each is told what it gave back itself", async () => {
  const { error, waiting } = await failed(45);
  const given = await Promise.all(Array.from({ length: 4 }, () => views.retry("events", { error }, "192.0.2.1")));
  expect([given, await waiting()]).toEqual([[45, 0, 0, 0], 45]);
});

test("where the thread ends while jobs are given back, it was told how many had been", async () => {
  const { error, waiting } = await failed(200);
  let told = 0;
  const asked = views.retry("events", { error }, undefined, (count) => {
    told = count;
    void views.close();
  });
  await expect(asked).rejects.toThrow("mm4d is stopping");
  await views.close();
  expect(told).toBeGreaterThan(0);
  expect(await waiting()).toBeGreaterThanOrEqual(told);
});

test("who follows is told the newest rows first, and then each that comes; one look for all", async () => {
  await write("j1");
  const one: LiveRows[] = [];
  const other: LiveRows[] = [];
  const end = views.follow(EVERY_REPORT, (news) => one.push(news));
  await eventually(
    () => one.length,
    (count) => count === 1,
  );
  expect(one[0]?.rows.map(({ id }) => id)).toEqual(["j1"]);
  await write("j2", "j3");
  await eventually(
    () => one.length,
    (count) => count === 2,
  );
  expect(one[1]?.rows.map(({ id }) => id)).toEqual(["j3", "j2"]);
  const endOther = views.follow(EVERY_REPORT, (news) => other.push(news));
  expect(other.map(({ rows }) => rows.map(({ id }) => id))).toEqual([["j3", "j2", "j1"]]);
  end();
  await write("j4");
  await eventually(
    () => other.length,
    (count) => count === 2,
  );
  expect([one.length, other[1]?.rows.map(({ id }) => id)]).toEqual([2, ["j4"]]);
  endOther();
  await write("j5");
  await wait(1_500);
  expect(other).toHaveLength(2);
});

test("each who follows is told what fits its own filter, whoever else follows", async () => {
  await write("j1");
  const all: LiveRows[] = [];
  const one: LiveRows[] = [];
  const ids = (told: readonly LiveRows[]) => told.flatMap(({ rows }) => rows.map(({ id }) => id));
  const end = views.follow(EVERY_REPORT, (news) => all.push(news));
  const endOne = views.follow({ ...EVERY_REPORT, q: "mm-j3" }, (news) => one.push(news));
  await eventually(
    () => ids(all),
    (found) => found.length === 1,
  );
  await write("j2", "j3");
  await eventually(
    () => ids(all),
    (found) => found.length === 3,
  );
  expect([ids(all), ids(one)]).toEqual([["j1", "j3", "j2"], ["j3"]]);
  // Whoever follows later is told what there is, and those before are not told it again.
  const two: LiveRows[] = [];
  const endTwo = views.follow({ ...EVERY_REPORT, q: "mm-j2" }, (news) => two.push(news));
  await eventually(
    () => ids(two),
    (found) => found.length === 1,
  );
  expect([ids(all).length, ids(one), ids(two)]).toEqual([3, ["j3"], ["j2"]]);
  endOne();
  await write("j4");
  await eventually(
    () => ids(all),
    (found) => found.length === 4,
  );
  end();
  endTwo();
});

test("a follower that throws harms no other", async () => {
  await write("j1");
  const told: LiveRows[] = [];
  const endThrowing = views.follow(EVERY_REPORT, () => {
    throw new Error("cannot be shown");
  });
  const end = views.follow(EVERY_REPORT, (news) => told.push(news));
  await eventually(
    () => told.length,
    (count) => count === 1,
  );
  expect(faults.map(({ message }) => message)).toEqual(["cannot be shown"]);
  endThrowing();
  end();
});

test("of very many that come within a second the newest are told, and how many the others are", async () => {
  const told: LiveRows[] = [];
  const end = views.follow(EVERY_REPORT, (news) => told.push(news));
  await views.reports(EVERY_REPORT, null);
  await write(...Array.from({ length: 130 }, (_, count) => `j${count}`));
  await eventually(
    () => told.length,
    (count) => count > 0,
  );
  expect([told[0]?.rows.length, told[0]?.rows[0]?.id, told[0]?.skipped]).toEqual([50, "j129", 80]);
  end();
});

test("while Redis is away it says so, and goes on when Redis is back", async () => {
  await write("j1");
  const told: LiveRows[] = [];
  const end = views.follow(EVERY_REPORT, (news) => told.push(news));
  await eventually(
    () => told.length,
    (count) => count === 1,
  );
  await own.server.kill();
  await expect(views.reports(EVERY_REPORT, null)).rejects.toThrow(/Redis/);
  await own.server.start();
  await eventually(
    () => views.reports(EVERY_REPORT, null).catch(() => null),
    (page) => page?.rows.length === 1,
  );
  await write("j2");
  await eventually(
    () => told.at(-1)?.rows.map(({ id }) => id),
    (ids) => ids?.join() === "j2",
  );
  expect(faults).toEqual([]);
  end();
});

test("a thread that needs too much memory, or time, ends, and the next question has another one", async () => {
  await write("j1");
  expect((await views.reports(EVERY_REPORT, null)).rows).toHaveLength(1);
  // Some bytes that become some million lines. On a slow machine the time is over before the memory is full.
  const key = `${own.prefix}:mm4d-trace3:1:b1`;
  const block = await own.redis.getBuffer(key);
  await own.redis.set(key, await packBlock("{}\n".repeat(2 ** 23)));
  await expect(views.reports({ ...EVERY_REPORT, code: 1 }, null)).rejects.toThrow(/memory|longer/);
  expect(faults).toHaveLength(1);
  await own.redis.set(key, block ?? "");
  expect((await views.reports(EVERY_REPORT, null)).rows).toHaveLength(1);
});

test("what is asked when it has ended, or is ending, is refused", async () => {
  const asked = views.reports(EVERY_REPORT, null);
  const refused = expect(asked).rejects.toThrow("mm4d is stopping");
  await views.close();
  await refused;
  await expect(views.entries("mm-1")).rejects.toThrow("mm4d is stopping");
});

test("where no thread can be begun nothing else fails, and it is tried again until nobody follows", async () => {
  const without = startViews({
    // Node begins no thread with that, and says so at once.
    thread: new URL("http://127.0.0.1/thread.js"),
    redis: redisAt(own.server.url),
    prefix: own.prefix,
    queues: ["events"],
    networkOf,
    onFault: (cause) => faults.push(cause),
  });
  const unfollow = without.follow(EVERY_REPORT, () => {});
  await expect(without.reports(EVERY_REPORT, null)).rejects.toThrow();
  await eventually(
    () => faults.length,
    (count) => count >= 2,
  );
  unfollow();
  await without.close();
});
