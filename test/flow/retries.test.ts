/** What could not be published comes back: together while Redis takes nothing, each for itself when it takes others. */
import { expect, test } from "vitest";
import { createRetries } from "../../src/flow/retries.ts";
import { createTrouble } from "../../src/flow/trouble.ts";

const AWAY = new Error("Redis is away");

function begin({ movedAfterMs = 20_000 } = {}) {
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
      return some.map(({ id }) => {
        if (state.refused.has(id)) return AWAY;
        state.published += 1;
        return null;
      });
    },
    move: async ({ id }) => moved.push(id) > 0,
    published: () => state.published,
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
