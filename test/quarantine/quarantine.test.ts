/** The quarantine is counted by peer, and holds what anybody puts there. */
import { Queue } from "bullmq";
import { expect, test } from "vitest";
import { measureQuarantine } from "../../src/quarantine/measure.ts";
import { openQuarantine } from "../../src/quarantine/quarantine.ts";
import { retrySchedule } from "../../src/queue/owed-jobs.ts";
import { createPublisher, newRecordId } from "../../src/queue/publisher.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { publishOne } from "../support/publishing.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { PEER } from "../support/report.ts";

const own = useRedis();

const messageOf = (peer: string, raw = "eA==") => ({
  reason: "no-status" as const,
  detail: null,
  peer: { ...PEER, name: peer },
  receivedAt: "2026-01-02T03:04:05.678Z",
  raw,
});

test("it is counted by peer without reading its messages, but for those that mm4d 1.0.0 put there, once", async () => {
  const { redis, prefix, server } = own;
  await redis.ping();
  const loaded = loadConfig({ MM4D_QUEUE_PREFIX: prefix });
  if (!loaded.ok) throw new Error(loaded.error.join());
  const publisher = createPublisher({
    redis,
    settings: loaded.value.config,
    ackWaitsMs: retrySchedule(10),
    onError: () => {},
  });
  const raw = "x".repeat(100_000);
  const kept: Record<string, string> = {};
  for (let index = 0; index < 30; index++) {
    const [id, peer] = [newRecordId(), index % 3 === 0 ? "a" : "b"];
    kept[id] = peer;
    await publishOne(publisher, { id, kind: "quarantine", message: messageOf(peer, `${raw}${index}`) });
  }
  await publisher.close();
  const older = new Queue(QUARANTINE_QUEUE, { connection: { url: server.url }, prefix });
  for (let index = 0; index < 25; index++) {
    const id = newRecordId();
    kept[id] = "c";
    await older.add("no-status", messageOf("c", `${raw}${index}`), { jobId: id });
  }
  const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await redis.info("stats"))?.[1]);
  const before = await sent();
  const first = await measureQuarantine(own, new Map());
  const readFirst = (await sent()) - before;
  expect(Object.fromEntries([...first].map(([id, { peer }]) => [id, peer]))).toEqual(kept);
  for (const { bytes } of first.values()) expect(bytes).toBeGreaterThan(100_000);
  expect(readFirst).toBeGreaterThan(25 * 100_000);
  expect(readFirst).toBeLessThan(30 * 100_000);

  // What is known is not asked again; what is gone is forgotten.
  const [gone = ""] = first.keys();
  await older.remove(gone);
  const beforeSecond = await sent();
  const second = await measureQuarantine(own, first);
  expect((await sent()) - beforeSecond).toBeLessThan(10_000);
  expect([second.size, second.has(gone)]).toEqual([54, false]);
  await older.close();
});

test("what somebody else puts there keeps nothing of ours from being counted and listed", async () => {
  const { redis, prefix } = own;
  await redis.ping();
  const loaded = loadConfig({ MM4D_QUEUE_PREFIX: `${prefix}-foreign` });
  if (!loaded.ok) throw new Error(loaded.error.join());
  const { config } = loaded.value;
  const publisher = createPublisher({ redis, settings: config, ackWaitsMs: retrySchedule(10), onError: () => {} });
  const id = newRecordId();
  await publishOne(publisher, { id, kind: "quarantine", message: messageOf("a") });
  await publisher.close();
  const key = `${config.queuePrefix}:${QUARANTINE_QUEUE}`;
  const put = async (job: string, fields: Record<string, string>): Promise<void> => {
    await redis.hset(`${key}:${job}`, { name: "no-status", timestamp: "1", opts: "{}", ...fields });
    await redis.lpush(`${key}:wait`, job);
  };
  const foreign = [
    "null",
    "7",
    '"text"',
    "[]",
    "{}",
    '{"peer":null}',
    '{"peer":{"name":7},"raw":"x"}',
    '{"peer":{"name":""},"raw":"x"}',
  ];
  for (const [index, data] of foreign.entries()) await put(`${index}`, { data });
  const quarantine = openQuarantine({ redis, prefix: config.queuePrefix });
  expect((await quarantine.list()).map((entry) => entry.id)).toEqual([id]);
  expect((await quarantine.newest(100)).map((entry) => entry.id)).toEqual([id]);
  expect((await quarantine.newest(100, 0, "no-status")).map((entry) => entry.id)).toEqual([id]);
  expect(await quarantine.newest(100, 0, "not-read")).toEqual([]);
  for await (const entry of quarantine.ofReason("no-status")) expect(entry.id).toBe(id);
  await quarantine.close();

  // What BullMQ itself could not read.
  await put("text", { data: "no JSON" });
  await put("options", { data: "null", opts: "null" });
  await put("peer", { data: "null", opts: '{"peer":7}' });
  await put("broken", { data: "null", opts: "{" });
  await redis.set(`${key}:other`, "no job at all");
  await redis.lpush(`${key}:wait`, "other");
  const counted = await measureQuarantine({ redis, prefix: config.queuePrefix }, new Map());
  expect(counted.get(id)).toMatchObject({ peer: "a" });
  const others = [...counted].filter(([job]) => job !== id);
  expect(others.length).toBe(foreign.length + 4);
  expect(others.map(([, { peer }]) => peer)).toEqual(others.map(() => "nobody"));
});
