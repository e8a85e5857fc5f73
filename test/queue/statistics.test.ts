import { expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { sumBy } from "../../src/delivery/tally.ts";
import { createStatistics, readStatistics, resolutionSince } from "../../src/queue/statistics.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const own = useRedis();

const NOW = new Date();
const MINUTE_MS = 60_000;
const ago = (minutes: number): Date => new Date(NOW.getTime() - minutes * MINUTE_MS);
const event = (fields: Record<string, string>, time = NOW): DeliveryEvent => ({
  ...eventOf(deliveryReport(fields)),
  time: time.toISOString(),
});
const since = (minutes: number) => ({
  since: ago(minutes),
  until: NOW,
  resolution: resolutionSince(ago(minutes), NOW),
});
const all = async (minutes: number) => readStatistics(own.redis, own.prefix, since(minutes));

test("what several processes count is one sum, by minute, hour and day", async () => {
  const [one, other] = [createStatistics(own.redis, own.prefix), createStatistics(own.redis, own.prefix)];
  one.count(event({ "X-Mms-MM-Status-Code": "Retrieved" }));
  one.count(event({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }));
  other.count(event({ "X-Mms-MM-Status-Code": "Retrieved" }));
  other.count(event({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "888" }, ago(90)));
  await Promise.all([one.flush(), other.flush()]);
  await one.flush(); // What was added is not added again.

  for (const minutes of [120, 10_000, 500_000]) {
    const tallies = await all(minutes);
    expect(sumBy(tallies, ({ code, outcome }) => `${code} ${outcome}`)).toEqual([
      { key: "none delivered", reports: 2, successes: 2, failures: 0 },
      expect.objectContaining({ reports: 1, successes: 0 }),
      expect.objectContaining({ reports: 1, successes: 0 }),
    ]);
    expect(new Set(tallies.map(({ code }) => code))).toEqual(new Set(["none", "470", "other"]));
    expect(new Set(tallies.map(({ type }) => type))).toEqual(new Set(["delivery-report"]));
  }
  expect(sumBy(await all(5), () => "")[0]?.reports).toBe(3);
});

test("what Redis does not take is added when it does", async () => {
  const statistics = createStatistics(own.redis, own.prefix);
  statistics.count(event({}));
  await own.redis.ping();
  await own.server.kill();
  await expect(statistics.flush()).rejects.toThrow();
  statistics.count(event({}));
  await own.server.start();
  await eventually(
    () => statistics.flush().then(() => own.redis.status, String),
    (status) => status === "ready",
  );
  expect(sumBy(await all(5), () => "")[0]?.reports).toBe(2);
});

test("a bucket has an end, and so have all of them together", async () => {
  const statistics = createStatistics(own.redis, own.prefix);
  const counted = event({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" });
  for (let index = 0; index < 1_000; index++) {
    const peer = { ...counted.data.peer, name: `peer-${index % 10}` };
    const reason = counted.data.reason && { ...counted.data.reason, code: Math.floor(index / 10) };
    statistics.count({ ...counted, data: { ...counted.data, peer, reason } });
  }
  await statistics.flush();
  const keys = (await own.redis.keys(`${own.prefix}:*`)).sort();
  expect(keys.map((key) => key.split(":")[2])).toEqual(["day", "hour", "minute"]);
  const [day = "", hour = "", minute = ""] = keys;
  for (const key of keys) expect(await own.redis.hlen(key)).toBe(510);
  expect(sumBy(await all(5), () => "")[0]?.reports).toBe(1_000);
  // Of what is told apart no more, only the code is forgotten.
  const sums = sumBy(await all(5), ({ peer, type, outcome }) => `${peer} ${type} ${outcome}`);
  expect(sums.map(({ reports, failures }) => [reports, failures])).toEqual(Array(10).fill([100, 100]));
  const days = async (key: string): Promise<number> => (await own.redis.ttl(key)) / 86_400;
  expect(await days(minute)).toBeGreaterThan(1);
  expect(await days(minute)).toBeLessThan(1.1);
  expect(await days(hour)).toBeGreaterThan(14.9);
  expect(await days(hour)).toBeLessThanOrEqual(15);
  expect(await days(day)).toBeGreaterThan(398);
  expect(await days(day)).toBeLessThanOrEqual(400);
});

test("what came more than three hours of an outage ago is told apart by the hour", async () => {
  const statistics = createStatistics(own.redis, own.prefix);
  for (let minute = 0; minute < 600; minute++) statistics.count(event({}, ago(600 - minute)));
  await statistics.flush();
  expect((await own.redis.keys(`${own.prefix}:*:minute:*`)).length).toBeLessThan(180 + 10);
  expect(sumBy(await all(700), () => "")[0]?.reports).toBe(600);
});
