/** The room in quarantine is shared out among the peers. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createQuarantineRoom } from "../../src/quarantine/room.ts";

let ids = 0;
const newId = (): string => `j${ids++}`;

const MAX = { messages: 100, bytes: 10_000 };
/** Peers that send until they are turned away, one after the other; what each has then. */
function filledBy(peers: readonly string[], bytes: number, { messages, bytes: most } = MAX) {
  const room = createQuarantineRoom(messages, most);
  for (const peer of peers) while (room.has(peer, bytes)) room.promised(newId(), { peer, bytes });
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
        const id = newId();
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
        const id = newId();
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
  const [kept, coming, other] = [newId(), newId(), newId()];
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

test("what has been answered 250 comes once what is there was counted: where there is a place, or it has one already", () => {
  const room = createQuarantineRoom(1, 100);
  const message = { peer: "a", bytes: 1 };
  expect([room.isCounted(), room.takes("j1", message)]).toEqual([false, false]);
  room.measured(new Map());
  expect([room.isCounted(), room.takes("j1", message)]).toEqual([true, true]);
  room.promised("j1", message);
  expect([room.takes("j1", message), room.takes("j2", message)]).toEqual([true, false]);
  room.arrived("j1", message);
  for (let times = 0; times < 3; times++) room.measured(new Map([["j1", message]]));
  expect([room.takes("j1", message), room.takes("j2", message)]).toEqual([true, false]);
});
