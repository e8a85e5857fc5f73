/** What is told of queues beyond their jobs: whether anything is taken, whoever takes it, and whether a worker is connected. */
import { setTimeout as wait } from "node:timers/promises";
import { type Job, Queue, QueueEvents, Worker } from "bullmq";
import { Hono } from "hono";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createBoard } from "../../src/admin/board.ts";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { ratesOf } from "../../src/queue/queue-rates.ts";
import { createQueueWatch, type QueueWatch } from "../../src/queue/queue-watch.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";

let server: TestRedis;
let redis: Redis;
let queue: Queue;
let name: string;
let made = 0;
const closing: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  made += 1;
  name = `events-${made}`;
  queue = new Queue(name, { connection: redis, prefix: "bull" });
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
  await queue.close();
});

const EVERY_MS = 40;

function watch(names = [name], prefix = "bull"): QueueWatch {
  return createQueueWatch({ place: { redis, prefix }, names, everyMs: EVERY_MS });
}

async function look(watching: QueueWatch) {
  await watching.look();
  const use = watching.queues().get(name);
  if (!use) throw new Error("It was not looked at");
  return use;
}

/** Looks until nothing was taken for so long. */
function untilNotTakenFor(watching: QueueWatch, ms: number) {
  return eventually(
    () => look(watching),
    ({ notTakenMs }) => notTakenMs !== null && notTakenMs >= ms,
  );
}

function startWorker(handle: (job: Job) => Promise<unknown>, options: { name?: string } = {}): Worker {
  const worker = new Worker(name, handle, {
    connection: { url: server.url, maxRetriesPerRequest: null },
    prefix: "bull",
    ...options,
  });
  worker.on("error", () => {}); // Redis ends before it does.
  closing.push({ close: () => worker.close(true) });
  return worker;
}

test("nothing waits: nothing is to be taken; what waits is counted from the first look on, and not the time in which nobody looked", async () => {
  const watching = watch();
  expect(await look(watching)).toMatchObject({ waits: 0, notTakenMs: null, paused: false, workers: 0 });
  await queue.addBulk(Array.from({ length: 3 }, (_, index) => ({ name: "event", data: index })));
  expect(await look(watching)).toMatchObject({ waits: 3, notTakenMs: 0 });
  await untilNotTakenFor(watching, 20);
  const before = (await look(watching)).notTakenMs ?? 0;
  await wait(5 * EVERY_MS);
  const after = (await look(watching)).notTakenMs ?? 0;
  expect(after - before).toBeLessThanOrEqual(2 * EVERY_MS);
  // Of a service that was started just now, and of another one, the time is its own.
  expect(await look(watch())).toMatchObject({ waits: 3, notTakenMs: 0 });
  await queue.drain();
  expect(await look(watching)).toMatchObject({ waits: 0, notTakenMs: null });
});

test("who asks what is so now is told that; however many ask, it is looked at once for all of them", async () => {
  let looks = 0;
  const counting = new Proxy(redis, {
    get(target, called) {
      if (called === "pipeline") looks += 1;
      const value = Reflect.get(target, called, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const watching = createQueueWatch({ place: { redis: counting, prefix: "bull" }, names: [name], everyMs: EVERY_MS });
  await look(watching);
  const [before, beganMs] = [looks, performance.now()];
  for (const waits of [1, 2]) {
    await queue.add("event", waits);
    await Promise.all(Array.from({ length: 50 }, watching.lookAgain));
    const use = watching.queues().get(name);
    expect(use).toMatchObject({ waits, jobs: { waiting: waits } });
    expect(use?.agoMs).toBeLessThanOrEqual(performance.now() - beganMs);
  }
  // On a slow machine the clients may be listed once more meanwhile.
  const listed = Math.floor((performance.now() - beganMs) / BOUNDS.clientsListedEvery.value);
  expect(looks - before).toBeLessThanOrEqual(2 + listed);
});

test("whoever takes an event, something was taken: a worker of BullMQ, or a program that moves it itself", async () => {
  const watching = watch();
  await queue.addBulk(Array.from({ length: 3 }, (_, index) => ({ name: "event", data: index })));
  await untilNotTakenFor(watching, 20);
  // As clients in other languages do it; the events that come meanwhile hide nothing.
  await redis.rpoplpush(`bull:${name}:wait`, `bull:${name}:active`);
  await queue.add("event", 4);
  expect(await look(watching)).toMatchObject({ waits: 3, notTakenMs: 0, held: false });
  await untilNotTakenFor(watching, 20);
  let taken = (): void => {};
  const first = new Promise<void>((resolve) => {
    taken = resolve;
  });
  const hung = startWorker(() => {
    taken();
    return new Promise(() => {});
  });
  await first;
  expect(await look(watching)).toMatchObject({ waits: 2, notTakenMs: 0, jobs: { active: 2 } });
  // It is connected, has one in hand, which it holds, and takes no other.
  expect((await look(watching)).held).toBe(true);
  await untilNotTakenFor(watching, 20);
  await hung.close(true);
});

test("one that is tried again and again at once was taken each time", async () => {
  const watching = watch();
  await queue.add("event", 1, { attempts: 1_000, backoff: 1 });
  await untilNotTakenFor(watching, 20);
  const worker = startWorker(() => Promise.reject(new Error("no")));
  await eventually(
    () => look(watching),
    ({ notTakenMs }) => notTakenMs === null || notTakenMs === 0,
  );
  await worker.close();
});

test("those whose time to be tried again has come wait too, for whoever takes them", async () => {
  const watching = watch();
  await queue.add("event", 1, { delay: 1 });
  await queue.add("event", 2, { delay: 3_600_000 });
  const use = await untilNotTakenFor(watching, 20);
  expect(use).toMatchObject({ waits: 1, jobs: { waiting: 0, delayed: 2 }, oldestWaitingAt: null });
  // A new one beside it has not taken it away.
  await queue.add("event", 3);
  expect((await look(watching)).notTakenMs).toBeGreaterThan(0);
});

test("a queue that somebody has paused is told, and what waits on it", async () => {
  await queue.add("event", 1);
  await queue.pause();
  expect(await look(watch())).toMatchObject({ paused: true, waits: 1 });
  await queue.resume();
  expect(await look(watch())).toMatchObject({ paused: false, waits: 1 });
});

test("workers are counted by their queue, with a name or without; who only listens, or is another queue's, is none", async () => {
  startWorker(async () => {});
  startWorker(async () => {}, { name: "billing" });
  const others = new Worker(`${name}0`, null, { connection: { url: server.url, maxRetriesPerRequest: null } });
  const events = new QueueEvents(name, { connection: { url: server.url } });
  closing.push(others, events);
  await Promise.all([others.waitUntilReady(), events.waitUntilReady()]);
  const { workers } = await eventually(
    () => look(watch()),
    (use) => use.workers === 2,
  );
  expect(workers).toBe((await queue.getWorkers()).length);
  expect((await look(watch([name], "bull"))).workersUnknown).toBeNull();
  const watching = watch();
  await look(watching);
  const seen = [...watching.workers(name)].sort((a, b) => String(a.name).localeCompare(String(b.name)));
  const address = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
  expect(seen).toEqual([
    { name: "billing", address, connectedSeconds: expect.any(Number) },
    { name: null, address, connectedSeconds: expect.any(Number) },
  ]);
  const elsewhere = watch([name], "other");
  expect((await look(elsewhere)).workers).toBe(0);
  expect(elsewhere.workers(name)).toEqual([]);
});

test("when a consumer was last seen is known also to who was started since, and not told of another queue", async () => {
  const before = Date.now();
  expect(await look(watch())).toMatchObject({ workers: 0, workersSeenAt: null });
  const worker = startWorker(async () => {});
  await worker.waitUntilReady();
  const { workersSeenAt } = await eventually(
    () => look(watch()),
    (use) => use.workers === 1,
  );
  expect(workersSeenAt?.getTime()).toBeGreaterThanOrEqual(before);
  await worker.close();
  const later = await eventually(
    () => look(watch()),
    (use) => use.workers === 0,
  );
  expect(later.workersSeenAt?.getTime()).toBeGreaterThanOrEqual(workersSeenAt?.getTime() ?? Number.NaN);
  expect(later.workersSeenAt?.getTime()).toBeLessThanOrEqual(Date.now());
  const others = watch([`${name}-other`]);
  await others.look();
  expect(others.queues().get(`${name}-other`)?.workersSeenAt).toBeNull();
  // Redis forgets it by itself.
  expect(await redis.ttl("bull:mm4d-consumers")).toBeGreaterThan(29 * 86_400);
  await redis.hset("bull:mm4d-consumers", name, "no time");
  expect((await look(watch())).workersSeenAt).toBeNull();
});

test("one that came and went between two looks is known by what it did", async () => {
  const watching = watch();
  await look(watching);
  const before = Date.now();
  await queue.add("event", 1);
  const worker = startWorker(async () => {});
  await eventually(
    () => queue.getJobCounts("completed"),
    ({ completed }) => completed === 1,
  );
  await worker.close();
  // Redis is not asked for its clients again so soon.
  const use = await look(watching);
  expect(use.workers).toBe(0);
  expect(use.workersSeenAt?.getTime()).toBeGreaterThanOrEqual(before);
  await redis.zadd(`bull:${name}:completed`, 8e15, "1");
  expect((await look(watching)).workersSeenAt?.getTime()).toBeLessThanOrEqual(Date.now());
});

test("where Redis does not tell its clients, it is not known whether a worker is connected, and why", async () => {
  await server.call("ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all", "-@dangerous", "+info");
  const limited = new Redis(server.url.replace("//", "//limited:secret@"));
  const watching = createQueueWatch({ place: { redis: limited, prefix: "bull" }, names: [name], everyMs: EVERY_MS });
  startWorker(async () => {});
  expect(await look(watching)).toMatchObject({ workers: null, workersUnknown: expect.stringMatching(/^NOPERM /) });
  // The right that ops/redis/users.acl gives.
  await server.call("ACL", "SETUSER", "limited", "+client|list");
  const allowed = createQueueWatch({ place: { redis: limited, prefix: "bull" }, names: [name], everyMs: EVERY_MS });
  await eventually(
    () => look(allowed),
    ({ workersUnknown }) => workersUnknown === null,
  );
  limited.disconnect();

  const without = await startRedis(["--rename-command", "CLIENT", ""]);
  const ignorant = new Redis(without.url);
  const there = createQueueWatch({ place: { redis: ignorant, prefix: "bull" }, names: [name], everyMs: EVERY_MS });
  expect(await look(there)).toMatchObject({ workers: null, workersUnknown: expect.stringMatching(/unknown command/) });
  ignorant.disconnect();
  await without.stop();
});

test("errors of jobs that are tried again are alike but for ids in them; what one is read of is bounded", async () => {
  const long = "x".repeat(1_000_000);
  let failed = 0;
  const worker = startWorker(async ({ data }: Job) => {
    failed += 1;
    throw new Error(data < 12 ? `no message mm-${data} in table messages\nat line 7` : long);
  });
  await queue.addBulk(
    Array.from({ length: 15 }, (_, index) => ({
      name: "event",
      data: index,
      opts: { attempts: 2, backoff: 3_600_000 },
    })),
  );
  // Somebody put it off: it has failed at nothing.
  await queue.add("event", 99, { delay: 3_600_000 });
  const use = await eventually(
    () => look(watch()),
    ({ jobs }) => failed === 15 && jobs.delayed === 16,
  );
  expect(use.retrying).toEqual({
    lookedAt: 16,
    alike: 12,
    error: expect.stringMatching(/^no message mm-\d+ in table messages$/),
  });
  expect(use.failures).toBeNull();
  await worker.close();
});

test("what consumers gave up on is told with the last error, until it is given back", async () => {
  const worker = startWorker(async ({ data }: Job) => {
    throw new Error(`error ${data}`);
  });
  await queue.add("event", 1);
  await queue.add("event", 2);
  const use = await eventually(
    () => look(watch()),
    ({ jobs }) => jobs.failed === 2,
  );
  expect(use.failures).toEqual({ firstAt: expect.any(Date), error: "error 2" });
  // Where it is cut, it ends before a number, of which the rest could not be masked.
  await queue.add("event", `${" ".repeat(488)}12025550100`);
  const cut = await eventually(
    () => look(watch()),
    ({ jobs }) => jobs.failed === 3,
  );
  expect(cut.failures?.error).toMatch(/^error *…$/);
  await worker.close();
  await queue.clean(0, 10, "failed");
  expect((await look(watch())).failures).toBeNull();
});

test("how fast a queue is consumed is told as far as what is consumed is kept", async () => {
  const worker = startWorker(async ({ data }: Job) => {
    if (data === "bad") throw new Error("no");
  });
  await queue.addBulk(["good", "good", "bad"].map((data) => ({ name: "event", data })));
  await eventually(
    () => queue.getJobCounts("completed", "failed"),
    ({ completed, failed }) => completed === 2 && failed === 1,
  );
  await worker.close();
  const rates = (seconds: number, count: number) =>
    ratesOf({ redis, prefix: "bull" }, name, { completedKeepSeconds: seconds, completedKeepCount: count });
  expect(await rates(3_600, 10_000)).toEqual({ completed: 2, isMore: false, failed: 1 });
  expect(await rates(3_600, 2)).toEqual({ completed: 2, isMore: true, failed: 1 });
  expect(await rates(59, 10_000)).toEqual({ completed: null, isMore: false, failed: 1 });
  expect(await rates(3_600, 0)).toEqual({ completed: null, isMore: false, failed: 1 });
  // What was an hour ago is no more of the last minute.
  const [id = ""] = await redis.zrange(`bull:${name}:completed`, 0, 0);
  await redis.zadd(`bull:${name}:completed`, Date.now() - 3_600_000, id);
  expect((await rates(3_600, 10_000)).completed).toBe(1);
});

test("the board shows what is unseen in a job by its number, in what a peer wrote and in what a consumer did", async () => {
  const unseen = "a\u202eb\u200bc\u009bd";
  const job = await queue.add("event", { requestStatus: "Ok", messageId: unseen, to: null, originator: null });
  await job.log(unseen);
  await job.updateProgress(unseen);
  const board = new Hono().route("/queue/board", createBoard([queue]));
  const shown = "a\\u202eb\\u200bc\\x9bd";
  for (const [path, times] of [
    [`/api/queues/${name}/${job.id}`, 2],
    [`/api/queues/${name}/${job.id}/logs`, 1],
  ] as const) {
    const answer = await board.request(`/queue/board${path}`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, expect.stringMatching(/json/)]);
    const text = await answer.text();
    expect(text).not.toMatch(/[\p{Cf}\p{Cc}]/u);
    expect(text.split(JSON.stringify(shown).slice(1, -1)).length - 1).toBe(times);
  }
});

test("where a worker may not name its connection, it is not known whether one is connected, and why", async () => {
  const other = await startRedis();
  const seeing = new Redis(other.url);
  await seeing.call("ACL", "SETUSER", "nameless", "on", ">secret", "~*", "&*", "+@all", "-client|setname");
  const watching = createQueueWatch({ place: { redis: seeing, prefix: "bull" }, names: [name], everyMs: EVERY_MS });
  expect(await look(watching)).toMatchObject({ workers: 0, workersUnknown: null });
  const url = other.url.replace("//", "//nameless:secret@");
  const worker = new Worker(name, async () => {}, { connection: { url, maxRetriesPerRequest: null } });
  worker.on("error", () => {}); // Redis ends before it does.
  const fresh = () => createQueueWatch({ place: { redis: seeing, prefix: "bull" }, names: [name], everyMs: EVERY_MS });
  const use = await eventually(
    () => look(fresh()),
    ({ workersUnknown }) => workersUnknown !== null,
  );
  expect(use).toMatchObject({ workers: null, workersUnknown: expect.stringMatching(/\+client\|setname$/) });
  await worker.close(true);
  seeing.disconnect();
  await other.stop();
});
