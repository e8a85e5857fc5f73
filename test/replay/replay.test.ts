/** A replay publishes in the order of receipt, no faster than it may, waits for what it needs, and can be stopped. */
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { createReplayPublisher } from "../../src/queue/add-replayed.ts";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { openReplays, type Replay } from "../../src/queue/replays-kept.ts";
import { type Progress, type ReplayOptions, replay } from "../../src/replay/replay.ts";
import type { ReplayedReport } from "../../src/replay/report.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { archivedReport, SETTINGS_OF_JOBS, WANTED } from "../support/replays.ts";

const QUEUE = "events";

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(redisAt(server.url));
  redis.on("error", () => {}); // It is taken away on purpose.
  await redis.ping();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushall());

const REPORTS = Array.from({ length: 60 }, (_, index) => archivedReport(`m${index}`));

async function* from(reports: readonly ReplayedReport[]): AsyncGenerator<ReplayedReport> {
  yield* reports;
}

/** One that has its place in Redis, and what it has told so far. */
async function begin(name: string, options: Partial<ReplayOptions & { readonly mostWaiting: number }> = {}) {
  const place = { redis, prefix: "bull" };
  const replays = openReplays(place);
  const wanted = { ...WANTED, queue: QUEUE };
  await replays.begin(name, { wanted, typed: { since: "", until: "" }, by: "me@here", holder: "us", rate: 1_000 });
  const kept = (await replays.find(name)) as Replay;
  const { mostWaiting = 1_000 } = options;
  const publisher = createReplayPublisher({
    place,
    replay: { ...kept, queue: QUEUE },
    settings: SETTINGS_OF_JOBS,
    mostWaiting,
  });
  const stopping = new AbortController();
  const told: Progress[] = [];
  const published: DeliveryEvent[] = [];
  const running = replay({
    reports: from(REPORTS),
    publisher,
    rate: 10_000,
    noRoom: async () => null,
    onPublished: (events) => void published.push(...events),
    onProgress: (progress) => void told.push(progress),
    signal: stopping.signal,
    ...options,
  }).finally(() => publisher.close());
  running.catch(() => {}); // Whoever waits for it sees it.
  return { running, told, published, stop: () => stopping.abort() };
}

async function queued(): Promise<readonly DeliveryEvent[]> {
  const ids = (await redis.lrange(`bull:${QUEUE}:wait`, 0, -1)).reverse();
  return Promise.all(ids.map(async (id) => JSON.parse((await redis.hget(`bull:${QUEUE}:${id}`, "data")) ?? "{}")));
}

const idsOf = (events: readonly DeliveryEvent[]) => events.map(({ id }) => id);
const IDS = REPORTS.map(({ event }) => event?.id ?? "");

test("all are published as they are read today, under the id and with the time of then, in the order of receipt", async () => {
  const { running, published } = await begin("one");
  expect(await running).toMatchObject({
    counts: { reports: 60, published: 60, before: 0 },
    published: 60,
    waitsFor: null,
  });
  const events = await queued();
  expect(idsOf(events)).toEqual(IDS);
  expect(idsOf(published)).toEqual(IDS);
  expect(events[7]).toEqual({ ...REPORTS[7]?.event, data: { ...REPORTS[7]?.event?.data, replayed: true } });
});

test("stopped by a person it ends after a batch, and goes on where it was, without doubling", async () => {
  async function* stopping(): AsyncGenerator<ReplayedReport> {
    for (const [index, report] of REPORTS.entries()) {
      if (index === 40) first.stop();
      yield report;
    }
  }
  const first = await begin("one", { reports: stopping() });
  const { counts } = await first.running;
  expect(counts.published).toBeGreaterThan(0);
  expect(counts.published).toBeLessThanOrEqual(40);
  const second = await begin("one");
  const { counts: rest } = await second.running;
  expect([rest.before, rest.published]).toEqual([counts.published, 60 - counts.published]);
  expect(idsOf(await queued())).toEqual(IDS);
});

test("while enough waits on the queue, or Redis has no room, it waits, says so, and goes on", async () => {
  let room: string | null = "Redis, of whose memory 80 % are used";
  const { running, told } = await begin("one", { mostWaiting: 32, noRoom: async () => room });
  await eventually(
    () => told.at(-1)?.waitsFor,
    (why) => why === room,
  );
  expect(await queued()).toEqual([]);
  room = null;
  await eventually(
    () => told.at(-1)?.waitsFor,
    (why) => why === "consumers, because enough waits on the queue",
  );
  const first = await queued();
  expect([first.length >= 32, first.length < 60]).toEqual([true, true]);
  await redis.del(`bull:${QUEUE}:wait`);
  expect((await running).counts.published).toBe(60);
  expect(idsOf([...first, ...(await queued())])).toEqual(IDS);
});

test("Redis may be killed in the middle: it waits until it is back, and misses and doubles nothing", async () => {
  let killed = Promise.resolve();
  async function* killing(): AsyncGenerator<ReplayedReport> {
    for (const [index, report] of REPORTS.entries()) {
      if (index === 30) killed = server.kill();
      await killed;
      yield report;
    }
  }
  const { running, told } = await begin("one", { reports: killing() });
  await eventually(
    () => told.at(-1)?.waitsFor ?? "",
    (why) => why.startsWith("Redis: "),
  );
  await server.start();
  await running;
  expect(idsOf(await queued())).toEqual(IDS);
});

test("a Redis that has lost what was published a moment ago ends it, and gone on with it misses and doubles nothing", async () => {
  let wait = Promise.resolve();
  const behind = new Map<string, Buffer>();
  async function* failingOver(): AsyncGenerator<ReplayedReport> {
    for (const [index, report] of REPORTS.entries()) {
      if (index === 20) wait = copyTo(behind);
      if (index === 40) wait = turnInto(behind);
      await wait;
      yield report;
    }
  }
  // Some at a time, so that some are published between the two.
  const first = await begin("one", { reports: failingOver(), rate: 200 });
  await expect(first.running).rejects.toThrow(/Redis has lost \d+ of the events/);
  const { running } = await begin("one");
  await running;
  expect([...new Set(idsOf(await queued()))].toSorted()).toEqual(IDS.toSorted());
  expect((await queued()).length).toBe(IDS.length);
});

/** What a replica that falls behind now has. */
async function copyTo(copy: Map<string, Buffer>): Promise<void> {
  for (const key of await redis.keys("*")) copy.set(key, (await redis.dumpBuffer(key)) ?? Buffer.of());
}

async function turnInto(copy: ReadonlyMap<string, Buffer>): Promise<void> {
  await redis.flushall();
  for (const [key, value] of copy) await redis.restore(key, 0, value);
}

test("without a right to its queue it ends with a sentence", async () => {
  await redis.set(`bull:${QUEUE}:meta`, "in the way");
  const { running } = await begin("one");
  await expect(running).rejects.toThrow(/WRONGTYPE/);
});

test("its rate holds within a tenth, also behind events that were published before", async () => {
  const before = await begin("one", { reports: from(REPORTS.slice(0, 30)) });
  await before.running;
  const times: number[] = [];
  const { running } = await begin("one", {
    rate: 20,
    onPublished: (events) => void times.push(...events.map(() => performance.now())),
  });
  await running;
  expect(times.length).toBe(30);
  const perSecond = (times.length - 1) / (((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000);
  // A machine that stands still makes it slower; what was late is made up for half a second only.
  expect(perSecond).toBeLessThan(22);
});

test("what makes no event, and what is still to be published for the first time, is left out and counted", async () => {
  const reports = [
    archivedReport("a"),
    archivedReport("b", { event: null, job: null }),
    archivedReport("c", { at: "waiting", became: null }),
    archivedReport("d", { became: null }),
  ];
  const { running } = await begin("one", { reports: from(reports) });
  expect((await running).counts).toEqual({
    reports: 4,
    published: 2,
    before: 0,
    "no-event": 1,
    "not-queued-yet": 1,
  });
});

test("an event that had another id keeps it, and a report that came twice is one event", async () => {
  const id = `r${"0".repeat(32)}`;
  const [then] = [archivedReport("a")];
  const became = { ...then.became, eventId: id } as NonNullable<ReplayedReport["became"]>;
  const { running } = await begin("one", {
    reports: from([
      { ...then, became },
      { ...then, became: { ...became, kind: "duplicate", duplicateOf: "j1" } },
    ]),
  });
  expect((await running).counts).toMatchObject({ published: 1, before: 1 });
  expect(idsOf(await queued())).toEqual([id]);
});
