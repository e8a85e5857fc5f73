import { afterEach, beforeEach, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { sumBy } from "../../src/delivery/tally.ts";
import { retrySchedule } from "../../src/queue/owed-jobs.ts";
import { createPublisher, type Publisher } from "../../src/queue/publisher.ts";
import { readStatistics, resolutionSince } from "../../src/queue/statistics.ts";
import type { Config } from "../../src/settings/config.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { publishOne } from "../support/publishing.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const own = useRedis();

const NOW = new Date();
const MINUTE_MS = 60_000;
const ago = (minutes: number): Date => new Date(NOW.getTime() - minutes * MINUTE_MS);
let made = 0;
/** Each another one. */
const event = (fields: Record<string, string>, time = NOW): DeliveryEvent => ({
  ...eventOf(deliveryReport({ ...fields, "X-Mms-Message-ID": `mm-${made++}` })),
  time: time.toISOString(),
});

let publishers: Publisher[];
beforeEach(async () => {
  await own.redis.ping();
  publishers = [newPublisher()];
});
afterEach(async () => {
  for (const publisher of publishers) await publisher.close();
});

function newPublisher(): Publisher {
  const loaded = loadConfig({ MM4D_QUEUE_PREFIX: own.prefix, MM4D_QUEUES: "further:*" });
  if (!loaded.ok) throw new Error(loaded.error.join());
  const settings: Config = loaded.value.config;
  return createPublisher({ redis: own.redis, settings, ackWaitsMs: retrySchedule(10), onError: () => {} });
}

function publish(...events: readonly DeliveryEvent[]): Promise<unknown> {
  return Promise.all(
    events.map((one, index) =>
      publishOne(publishers[index % publishers.length] as Publisher, { id: `j${one.id}`, kind: "event", event: one }),
    ),
  );
}
const since = (minutes: number) => ({
  since: ago(minutes),
  until: NOW,
  resolution: resolutionSince(ago(minutes), NOW),
});
const all = async (minutes: number) => readStatistics(own, since(minutes));

test("what several processes count is one sum, by minute, hour and day", async () => {
  publishers.push(newPublisher());
  await publish(
    event({ "X-Mms-MM-Status-Code": "Retrieved" }),
    event({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }),
    event({ "X-Mms-MM-Status-Code": "Retrieved" }),
    event({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "888" }, ago(90)),
  );
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

test("an event counts once: however often it is published, by whom, and also when its job has gone", async () => {
  publishers.push(newPublisher());
  const events = Array.from({ length: 200 }, () => event({}));
  await publish(...events, ...events.slice(50));
  // By others, under ids of their own, as a relay's second attempt at another replica.
  await Promise.all(
    events.map((one) => publishOne(publishers[1] as Publisher, { id: `k${one.id}`, kind: "event", event: one })),
  );
  await own.redis.del(...events.slice(0, 100).map(({ id }) => `${own.prefix}:mm4-delivery-events:j${id}`));
  await publish(...events);
  expect(sumBy(await all(5), () => "")[0]?.reports).toBe(200);
});

test("what Redis does not take is counted when it does", async () => {
  const [first, second] = [event({}), event({})];
  await publish(first);
  await own.server.kill();
  await expect(publish(second)).rejects.toThrow();
  await own.server.start();
  await eventually(
    () => publish(first, second).then(() => "published", String),
    (said) => said === "published",
  );
  expect(sumBy(await all(5), () => "")[0]?.reports).toBe(2);
});

test("a bucket has an end, and so have all of them together", async () => {
  const events = Array.from({ length: 1_000 }, (_, index) => {
    const counted = event({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" });
    const peer = { ...counted.data.peer, name: `peer-${index % 10}` };
    const reason = counted.data.reason && { ...counted.data.reason, code: Math.floor(index / 10) };
    return { ...counted, data: { ...counted.data, peer, reason } };
  });
  await publish(...events);
  const keys = (await own.redis.keys(`${own.prefix}:mm4d-statistics:*`)).sort();
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
