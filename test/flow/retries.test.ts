/** What could not be published comes back: together while Redis takes nothing, each for itself when it takes others. */
import { expect, test } from "vitest";
import { createRetries } from "../../src/flow/retries.ts";
import { createTrouble } from "../../src/flow/trouble.ts";

const AWAY = new Error("Redis is away");

interface Changes {
  readonly movedAfterMs?: number;
  readonly publish?: (ids: readonly string[]) => Promise<readonly (Error | null)[]>;
  readonly published?: () => number;
}

function begin({ movedAfterMs = 20_000, publish, published }: Changes = {}) {
  const calls: string[][] = [];
  const told: string[] = [];
  const state = { published: 0, refused: new Set(["a", "b", "c"]) };
  const moved: string[] = [];
  const trouble = createTrouble({
    onTrouble: ({ message }) => told.push(message),
    onRecovered: () => told.push("recovered"),
  });
  const retries = createRetries<{ id: string; bytes: number; alone: boolean }>({
    publish: async (some) => {
      calls.push(some.map(({ id }) => id));
      if (publish) return publish(some.map(({ id }) => id));
      return some.map(({ id }) => {
        if (state.refused.has(id)) return AWAY;
        state.published += 1;
        return null;
      });
    },
    move: async ({ id }) => moved.push(id) > 0,
    published: published ?? (() => state.published),
    trouble,
    movedAfterMs,
    most: { records: 2, bytes: 100 },
  });
  const add = (id: string, alone = false) => retries.add({ id, bytes: 1, alone }, AWAY);
  return { retries, add, calls, told, state, moved };
}

test("while Redis takes nothing, all that wait come back in as few calls as batches", async () => {
  const { add, calls, told, state } = begin();
  const ends = Promise.all(["a", "b", "c"].map((id) => add(id)));
  state.refused.clear();
  expect(await ends).toEqual([true, true, true]);
  expect(calls).toEqual([["a", "b"], ["c"]]);
  expect(told).toEqual(["Redis is away", "recovered"]);
});

test("where Redis takes others, each is tried for itself, and moved when that goes on for long", async () => {
  const { add, calls, state, moved } = begin({ movedAfterMs: 60 });
  const ends = Promise.all(["a", "b"].map((id) => add(id)));
  state.published += 1;
  expect(await ends).toEqual([true, true]);
  expect(calls.every((some) => some.length === 1)).toBe(true);
  expect(moved.sort()).toEqual(["a", "b"]);
});

test("a stop leaves what waits to the next start", async () => {
  const { add, retries, calls } = begin();
  const ends = Promise.all([add("a"), add("b", true)]);
  expect(retries.waiting()).toBe(1);
  await retries.stop();
  expect(await ends).toEqual([false, false]);
  expect(calls).toEqual([]);
  expect(await add("c")).toBe(false);
});

test("one that breaks the connection each time holds up its batch-mates for a few pauses, wherever it stands", async () => {
  for (const poison of ["a", "b", "d"]) {
    let broken = false;
    let published = 0;
    const { retries, add } = begin({
      publish: async (some) => {
        if (some.includes(poison)) broken = true;
        // All that is under way breaks with it, and what comes before there is a connection again.
        if (!broken) published += some.length;
        else setTimeout(() => (broken = false), 1);
        return some.map(() => (broken ? AWAY : null));
      },
      published: () => published,
    });
    const ends = new Map(["a", "b", "c", "d"].map((id) => [id, add(id)]));
    for (const [id, end] of ends) if (id !== poison) expect(await end).toBe(true);
    expect(retries.waiting()).toBe(1);
    await retries.stop();
    expect(await ends.get(poison)).toBe(false);
  }
});

test("in an outage that goes on one asks for all, each time another; the rest come behind it, together", async () => {
  const { add, calls, state } = begin();
  const ends = Promise.all(["a", "b", "c"].map((id) => add(id)));
  while (calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  state.refused.clear();
  expect(await ends).toEqual([true, true, true]);
  expect(calls).toEqual([["a", "b"], ["c"], ["a"], ["b"], ["c", "a"]]);
});

test("a stop while one asks for the others leaves all of them", async () => {
  const { add, retries, calls } = begin();
  const ends = Promise.all(["a", "b", "c"].map((id) => add(id)));
  while (calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await retries.stop();
  expect(await ends).toEqual([false, false, false]);
});
