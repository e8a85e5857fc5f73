/** Which peers say nothing: by what came here, and by what the statistics in Redis know of replicas and of earlier starts. */

import { expect, test } from "vitest";
import { createSilence } from "../../src/monitoring/silence.ts";
import { createTraffic } from "../../src/monitoring/traffic.ts";
import { createHeard } from "../../src/queue/heard.ts";
import { retrySchedule } from "../../src/queue/owed-jobs.ts";
import { createPublisher } from "../../src/queue/publisher.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { publishOne } from "../support/publishing.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const own = useRedis();
const HOUR_MS = 3_600_000;

test("a peer is silent where it spoke neither here nor to a replica on the same Redis, once that was asked", async () => {
  const loaded = loadConfig({ MM4D_QUEUE_PREFIX: own.prefix });
  if (!loaded.ok) throw new Error(loaded.error.join());
  const replica = createPublisher({
    redis: own.redis,
    settings: loaded.value.config,
    ackWaitsMs: retrySchedule(10),
    onError: () => {},
  });
  const said = async (name: string, agoMs: number): Promise<void> => {
    const event = eventOf(deliveryReport({ "X-Mms-Message-ID": name }));
    const time = new Date(Date.now() - agoMs).toISOString();
    const data = { ...event.data, peer: { ...event.data.peer, name } };
    await publishOne(replica, { id: `j-${name}`, kind: "event", event: { ...event, id: `r-${name}`, time, data } });
  };
  await own.redis.ping();
  await said("elsewhere", 2 * HOUR_MS);
  await said("long-ago", 30 * HOUR_MS);
  await replica.close();

  const traffic = createTraffic();
  const silence = createSilence({
    traffic,
    heard: createHeard(own),
    times: { silentFromStartMs: 0, silentMs: 24 * HOUR_MS },
  });
  const names = ["here", "elsewhere", "long-ago", "never"];
  silence.usePeers([...names.map((name) => ({ name, listed: true })), { name: "loopback", listed: false }]);
  const receivedAt = new Date();
  // Not read yet, and perhaps not for as long as Redis is away.
  traffic.countAccepted("here", receivedAt, null);
  // What it sent could not be read: that is no report, and no peer of which more is known.
  traffic.countQuarantined("never");
  expect(silence.facts().map(({ name }) => name)).toEqual(["here"]);

  await silence.look();
  const lastAt = new Map(silence.facts().map((fact) => [fact.name, fact.lastAt]));
  expect([...lastAt.keys()]).toEqual(names);
  expect(lastAt.get("here")).toEqual(receivedAt);
  // By the hour, and never later than now.
  const agoMs = Date.now() - Number(lastAt.get("elsewhere"));
  expect(agoMs).toBeGreaterThanOrEqual(HOUR_MS - 60_000);
  expect(agoMs).toBeLessThan(3 * HOUR_MS);
  expect([lastAt.get("long-ago"), lastAt.get("never")]).toEqual([null, null]);
});

test("Redis is not asked while nobody has been silent for long, and a peer that came by a reload is new", async () => {
  await own.redis.ping();
  const silenceAfter = (silentFromStartMs: number) =>
    createSilence({
      traffic: createTraffic(),
      heard: createHeard(own),
      times: { silentFromStartMs, silentMs: 24 * HOUR_MS },
    });
  const fresh = silenceAfter(HOUR_MS);
  fresh.usePeers([{ name: "first", listed: true }]);
  await fresh.look();
  // Nothing is known of it yet.
  expect(fresh.facts()).toEqual([]);

  const silence = silenceAfter(0);
  silence.usePeers([{ name: "first", listed: true }]);
  await silence.look();
  const before = await eventually(
    () => silence.facts()[0]?.knownMs ?? 0,
    (knownMs) => knownMs > 10,
  );
  silence.usePeers([
    { name: "second", listed: true },
    { name: "first", listed: true },
  ]);
  const [second, first] = silence.facts();
  expect(first?.knownMs).toBeGreaterThanOrEqual(before);
  expect(second?.knownMs).toBeLessThan(first?.knownMs ?? 0);
  expect([first?.reloaded, second?.reloaded]).toEqual([false, true]);
});
