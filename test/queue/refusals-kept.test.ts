/** Refusals of the last day, kept in Redis: of all processes, and through restarts. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { createRefusals, type NewRefusal } from "../../src/monitoring/refusals.ts";
import { createRefusalsKept } from "../../src/queue/refusals-kept.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();
const HOUR_MS = 3_600_000;
/** To come, because Redis itself removes what is over. */
const NOW = Date.parse("2030-01-02T12:30:00Z");

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A process, which forgets at its end what it has counted. */
function startProcess() {
  const refusals = createRefusals({ count() {}, logRefused() {}, logFailed() {}, mayTellMore: () => false });
  return { refusals, kept: createRefusalsKept({ redis: own.redis, prefix: own.prefix }, refusals.list) };
}

function refusalOf(address: string, more: Partial<NewRefusal> = {}): NewRefusal {
  return { address, peer: null, helo: null, reason: "unknown-peer", detail: null, ...more };
}

test("those of every process, and of before a restart, are counted together, the latest last", async () => {
  const [one, other] = [startProcess(), startProcess()];
  one.refusals.add(refusalOf("192.0.2.1", { helo: "first name" }));
  one.refusals.add(refusalOf("192.0.2.1", { reason: "too-fast", peer: "carrier" }));
  await one.kept.look();
  await one.kept.look();
  vi.setSystemTime(Date.now() + 1_000);
  one.refusals.add(refusalOf("192.0.2.1", { helo: "second name" }));
  other.refusals.add(refusalOf("192.0.2.1", { helo: "second name" }));
  other.refusals.add(refusalOf("2001:db8::1", { reason: "unknown-domain", detail: "x.example" }));
  await other.kept.look();
  const list = await one.kept.list();
  const [firstAt, at] = ["2030-01-02T12:30:00.000Z", "2030-01-02T12:30:01.000Z"];
  expect(list).toEqual([
    {
      ...refusalOf("192.0.2.1", { reason: "too-fast", peer: "carrier" }),
      count: 1,
      firstAt,
      lastAt: firstAt,
    },
    { ...refusalOf("192.0.2.1", { helo: "second name" }), count: 3, firstAt, lastAt: at },
    {
      ...refusalOf("2001:db8::1", { reason: "unknown-domain", detail: "x.example" }),
      count: 1,
      firstAt: at,
      lastAt: at,
    },
  ]);
  const restarted = startProcess();
  expect(await restarted.kept.list()).toEqual(list);
  restarted.refusals.add(refusalOf("192.0.2.1"));
  expect((await restarted.kept.list()).find(({ reason }) => reason === "unknown-peer")).toMatchObject({
    count: 4,
    firstAt,
  });
});

test("a day later they are gone: from the list, and by themselves from Redis", async () => {
  const { refusals, kept } = startProcess();
  refusals.add(refusalOf("192.0.2.1"));
  await kept.look();
  vi.setSystemTime(Date.now() + 23 * HOUR_MS);
  refusals.add(refusalOf("192.0.2.2"));
  expect((await kept.list()).map(({ address }) => address)).toEqual(["192.0.2.1", "192.0.2.2"]);
  vi.setSystemTime(Date.now() + 2 * HOUR_MS);
  expect((await kept.list()).map(({ address }) => address)).toEqual(["192.0.2.2"]);
  const key = `${own.prefix}:mm4d-refusals:2030-01-02T12`;
  // The hour, and a day more.
  expect(await own.redis.expiretime(key)).toBe(Date.parse("2030-01-03T13:00:00Z") / 1_000);
});

test("of one hour so many are kept, and those are counted on", async () => {
  const { refusals, kept } = startProcess();
  const most = BOUNDS.refusalsKept.value;
  for (let index = 0; index < most + 50; index += 1) refusals.add(refusalOf(`address-${index}`));
  await kept.look();
  refusals.add(refusalOf("address-0"));
  refusals.add(refusalOf("one-more"));
  const list = await kept.list();
  expect(list.length).toBe(most);
  expect(list.find(({ address }) => address === "address-0")?.count).toBe(2);
  expect(list.some(({ address }) => address === "one-more")).toBe(false);
});

test("of several hours the first time is the first hour's, and the counts are added", async () => {
  const { refusals, kept } = startProcess();
  refusals.add(refusalOf("192.0.2.1"));
  await kept.look();
  vi.setSystemTime(Date.now() + 2 * HOUR_MS);
  refusals.add(refusalOf("192.0.2.1"));
  refusals.add(refusalOf("192.0.2.1"));
  expect(await kept.list()).toEqual([
    {
      ...refusalOf("192.0.2.1"),
      count: 3,
      firstAt: "2030-01-02T12:30:00.000Z",
      lastAt: "2030-01-02T14:30:00.000Z",
    },
  ]);
});

test("a list that is asked for while the last one is being written has what came since", async () => {
  const { refusals, kept } = startProcess();
  refusals.add(refusalOf("192.0.2.1"));
  const writing = kept.look();
  refusals.add(refusalOf("192.0.2.2"));
  const listed = await kept.list();
  await writing;
  expect(listed.map(({ address }) => address)).toEqual(["192.0.2.1", "192.0.2.2"]);
});

test("what Redis did not take is written by the next look", async () => {
  const { refusals } = startProcess();
  let down = true;
  const redis = new Proxy(own.redis, {
    get(target, name) {
      if (name === "hmget" && down) return () => Promise.reject(new Error("away"));
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const kept = createRefusalsKept({ redis, prefix: own.prefix }, refusals.list);
  refusals.add(refusalOf("192.0.2.1"));
  await expect(kept.look()).rejects.toThrow("away");
  down = false;
  expect((await kept.list()).map(({ count }) => count)).toEqual([1]);
});

test("of two hours, of which Redis took only the first, none is counted twice", async () => {
  const { refusals } = startProcess();
  let refusing = 0;
  const redis = new Proxy(own.redis, {
    get(target, name) {
      // The first hour is the oldest.
      if (name === "hmget" && refusing > 0 && --refusing === 0) return () => Promise.reject(new Error("away"));
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const kept = createRefusalsKept({ redis, prefix: own.prefix }, refusals.list);
  refusals.add(refusalOf("192.0.2.1"));
  vi.setSystemTime(NOW + HOUR_MS);
  refusals.add(refusalOf("192.0.2.2"));
  refusing = 2;
  await expect(kept.look()).rejects.toThrow("away");
  refusals.add(refusalOf("192.0.2.2"));
  expect((await kept.list()).map(({ address, count }) => [address, count])).toEqual([
    ["192.0.2.1", 1],
    ["192.0.2.2", 2],
  ]);
});

test("hours that are over are not read each time, and those of now are", async () => {
  const { refusals, kept } = startProcess();
  const keys = async () => (await own.redis.keys(`${own.prefix}:mm4d-refusals:*`)).sort();
  refusals.add(refusalOf("192.0.2.1"));
  await kept.look();
  vi.setSystemTime(NOW + 3 * HOUR_MS);
  refusals.add(refusalOf("192.0.2.2"));
  const counts = async () => (await kept.list()).map(({ address, count }) => [address, count]);
  expect(await counts()).toEqual([
    ["192.0.2.1", 1],
    ["192.0.2.2", 1],
  ]);
  const [over = "", now = ""] = await keys();
  await own.redis.hincrby(over, "192.0.2.1 unknown-peer count", 10);
  await own.redis.hincrby(now, "192.0.2.2 unknown-peer count", 10);
  expect(await counts()).toEqual([
    ["192.0.2.1", 1],
    ["192.0.2.2", 11],
  ]);
  // Another process, and this one after a minute, reads what is there.
  expect((await startProcess().kept.list()).map(({ count }) => count)).toEqual([11, 11]);
});
