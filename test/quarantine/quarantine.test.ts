/** The quarantine is counted by peer, and shared out among them. */

import { Queue } from "bullmq";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createQuarantineRoom, measureQuarantine, openQuarantine } from "../../src/quarantine/quarantine.ts";
import { createPublisher, newRecordId } from "../../src/queue/publisher.ts";
import { loadConfig } from "../../src/settings/config.ts";
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

const MAX = { messages: 100, bytes: 10_000 };
/** Peers that send until they are turned away, one after the other; what each has then. */
function filledBy(peers: readonly string[], bytes: number, { messages, bytes: most } = MAX) {
  const room = createQuarantineRoom(messages, most);
  for (const peer of peers) while (room.has(peer, bytes)) room.promised(newRecordId(), { peer, bytes });
  return { room, held: peers.map((peer) => room.useOf(peer).messages) };
}

test.each<[what: string, bytes: number, held: readonly number[]]>([
  ["messages", 1, [50, 25, 12, 6, 3, 2, 1, 1]],
  ["bytes", 1_000, [5, 2, 1, 1, 1]],
])("the first peer may have half of the %s, the next half of what is left, and so on", (_, bytes, held) => {
  expect(filledBy(["a", "b", "c", "d", "e", "f", "g", "h"].slice(0, held.length), bytes).held).toEqual(held);
});

test("several processes that know nothing of each other together give out no more than one would", () => {
  const rooms = Array.from({ length: 4 }, () => createQuarantineRoom(MAX.messages, MAX.bytes, 4));
  const contents = new Map<string, { peer: string; bytes: number }>();
  const flood = (peer: string): number => {
    for (const room of rooms) {
      while (room.has(peer, 1)) {
        const id = newRecordId();
        room.promised(id, { peer, bytes: 1 });
        contents.set(id, { peer, bytes: 1 });
      }
    }
    for (const room of rooms) room.measured(new Map(contents));
    return [...contents.values()].filter((message) => message.peer === peer).length;
  };
  expect([flood("a"), flood("a")]).toEqual([48, 48]);
  expect(flood("b")).toBe(24);
});

test("a limit of one is one message, and of none is none", () => {
  expect(filledBy(["a", "b"], 1, { messages: 1, bytes: 100 }).held).toEqual([1, 0]);
  expect(filledBy(["a"], 1, { messages: 0, bytes: 100 }).held).toEqual([0]);
  expect(filledBy(["a"], 101, { messages: 9, bytes: 100 }).held).toEqual([0]);
});

test("whatever peers do, none has more than half of what the others leave, and who has nothing finds room while there is any", () => {
  const peer = fc.constantFrom("a", "b", "c", "d");
  const step = fc.record({ peer, bytes: fc.integer({ min: 1, max: 2_000 }), stays: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const room = createQuarantineRoom(MAX.messages, MAX.bytes);
      for (const { peer, bytes, stays } of steps) {
        const [all, of] = [room.use(), room.useOf(peer)];
        const fits = all.messages < MAX.messages && all.bytes + bytes <= MAX.bytes;
        const half = {
          messages: (MAX.messages - all.messages + of.messages) / 2,
          bytes: (MAX.bytes - all.bytes + of.bytes) / 2,
        };
        const within = of.messages + 1 <= half.messages && of.bytes + bytes <= half.bytes;
        expect(room.has(peer, bytes)).toBe(fits && (within || of.messages === 0));
        if (!room.has(peer, bytes)) continue;
        const id = newRecordId();
        room.promised(id, { peer, bytes });
        if (!stays) {
          room.broken(id);
          expect(room.use()).toEqual(all);
        }
      }
    }),
  );
});

test("what is promised, arrives and is measured counts once, and what is taken out makes room", () => {
  const { room } = filledBy(["a"], 1);
  const [kept, coming, other] = [newRecordId(), newRecordId(), newRecordId()];
  const contents = new Map([
    [kept, { peer: "a", bytes: 10 }],
    [other, { peer: "b", bytes: 5 }],
  ]);
  const fresh = createQuarantineRoom(MAX.messages, MAX.bytes);
  fresh.promised(kept, { peer: "a", bytes: 10 });
  fresh.promised(coming, { peer: "a", bytes: 20 });
  fresh.arrived(kept, { peer: "a", bytes: 10 });
  expect(fresh.useOf("a")).toEqual({ messages: 2, bytes: 30 });
  // This one had begun before it arrived.
  fresh.measured(new Map());
  expect(fresh.useOf("a")).toEqual({ messages: 2, bytes: 30 });
  fresh.measured(contents);
  expect([fresh.useOf("a"), fresh.useOf("b")]).toEqual([
    { messages: 2, bytes: 30 },
    { messages: 1, bytes: 5 },
  ]);
  // A person took it out; what is on its way stays promised however often is measured.
  for (let times = 0; times < 3; times++) fresh.measured(new Map());
  expect(fresh.use()).toEqual({ messages: 1, bytes: 20 });
  fresh.broken(coming);
  expect(fresh.use()).toEqual({ messages: 0, bytes: 0 });
  expect([room.refused("a", 1), room.refused("a", 1), room.refusals().map(({ peer }) => peer)]).toEqual([
    true,
    false,
    ["a"],
  ]);
});

test("a peer that has nearly used up its share is told of, by messages or by bytes, whatever the others hold", () => {
  const held = (peer: string, count: number, bytes: number) =>
    Array.from({ length: count }, (_, index) => [`j-${peer}-${index}`, { peer, bytes }] as const);
  const fillers = (...messages: readonly (readonly [string, { readonly peer: string; readonly bytes: number }])[]) => {
    const room = createQuarantineRoom(40, 1_000);
    room.measured(new Map(messages));
    return room.fillers(0.9);
  };
  expect(fillers()).toEqual([]);
  expect(fillers(...held("a", 17, 1))).toEqual([]);
  expect(fillers(...held("a", 18, 1))).toEqual(["a"]);
  expect(fillers(...held("a", 1, 450))).toEqual(["a"]);
  // Of what the first has left.
  expect(fillers(...held("a", 10, 1), ...held("b", 14, 1))).toEqual(["b"]);
});

test("a refusal of a peer is news again after there was room for it", () => {
  const room = createQuarantineRoom(2, 100);
  room.measured(new Map([["j1", { peer: "a", bytes: 1 }]]));
  expect([room.has("a", 1), room.refused("a", 1), room.refused("a", 1)]).toEqual([false, true, false]);
  room.measured(new Map([["j1", { peer: "a", bytes: 1 }]]));
  expect(room.refusals()).toMatchObject([{ peer: "a" }]);
  room.measured(new Map());
  expect(room.refusals()).toEqual([]);
  room.measured(new Map([["j2", { peer: "a", bytes: 1 }]]));
  expect(room.refused("a", 1)).toBe(true);
});

test("it is counted by peer without reading its messages, but for those that mm4d 1.0.0 put there, once", async () => {
  const { redis, prefix, server } = own;
  await redis.ping();
  const loaded = loadConfig({ MM4D_QUEUE_PREFIX: prefix });
  if (!loaded.ok) throw new Error(loaded.error.join());
  const publisher = createPublisher({ redis, settings: loaded.value.config, onError: () => {} });
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
  const first = await measureQuarantine(redis, prefix, new Map());
  const readFirst = (await sent()) - before;
  expect(Object.fromEntries([...first].map(([id, { peer }]) => [id, peer]))).toEqual(kept);
  for (const { bytes } of first.values()) expect(bytes).toBeGreaterThan(100_000);
  expect(readFirst).toBeGreaterThan(25 * 100_000);
  expect(readFirst).toBeLessThan(30 * 100_000);

  // What is known is not asked again; what is gone is forgotten.
  const [gone = ""] = first.keys();
  await older.remove(gone);
  const beforeSecond = await sent();
  const second = await measureQuarantine(redis, prefix, first);
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
  const publisher = createPublisher({ redis, settings: config, onError: () => {} });
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
  const quarantine = openQuarantine(redis, config.queuePrefix);
  expect((await quarantine.list()).map((entry) => entry.id)).toEqual([id]);
  expect((await quarantine.newest(100)).map((entry) => entry.id)).toEqual([id]);
  for await (const entry of quarantine.ofReason("no-status")) expect(entry.id).toBe(id);
  await quarantine.close();

  // What BullMQ itself could not read.
  await put("text", { data: "no JSON" });
  await put("options", { data: "null", opts: "null" });
  await put("peer", { data: "null", opts: '{"peer":7}' });
  await put("broken", { data: "null", opts: "{" });
  await redis.set(`${key}:other`, "no job at all");
  await redis.lpush(`${key}:wait`, "other");
  const counted = await measureQuarantine(redis, config.queuePrefix, new Map());
  expect(counted.get(id)).toMatchObject({ peer: "a" });
  const others = [...counted].filter(([job]) => job !== id);
  expect(others.length).toBe(foreign.length + 4);
  expect(others.map(([, { peer }]) => peer)).toEqual(others.map(() => "nobody"));
});
