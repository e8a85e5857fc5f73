import { expect, test } from "vitest";
import type { Operations } from "../../src/admin/operations.ts";
import { shared } from "../../src/admin/paces.ts";
import { inTurn } from "../../src/admin/remembering.ts";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { TooManyAskError } from "../../src/views/lane.ts";

test("what is found in turn is found once for all who ask meanwhile, one after the other, and not for too many", async () => {
  let running = 0;
  let most = 0;
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const find = inTurn(async (name: string) => {
    begun.push(name);
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
    if (name === "b") throw new Error("not found");
    return name.toUpperCase();
  });
  const all = Promise.allSettled([find("a"), find("b"), find("a"), find("c")]);
  const others = Array.from({ length: BOUNDS.viewsWaiting.value - 3 }, (_, index) => find(`d${index}`));
  await expect(find("e")).rejects.toThrow(TooManyAskError);
  for (let ended = 0; ended < BOUNDS.viewsWaiting.value; ) {
    const end = ends.shift();
    if (end) ended += 1;
    end?.();
    await new Promise(setImmediate);
  }
  expect((await all).map((one) => (one.status === "fulfilled" ? one.value : one.reason.message))).toEqual([
    "A",
    "not found",
    "A",
    "C",
  ]);
  expect(await Promise.all(others)).toHaveLength(BOUNDS.viewsWaiting.value - 3);
  expect([most, begun.slice(0, 3)]).toEqual([1, ["a", "b", "c"]]);
});

test("who asks while a search is under way gets what the next one finds, since something may have changed", async () => {
  let times = 0;
  const find = inTurn(async (_: string) => {
    const mine = ++times;
    await new Promise(setImmediate);
    return mine;
  });
  const first = find("a");
  while (times === 0) await new Promise(process.nextTick);
  expect(await Promise.all([first, find("a"), find("a")])).toEqual([1, 2, 2]);
});

test("who was refused is read once in five seconds, however many pages are open; a failure is not remembered", async () => {
  let reads = 0;
  const operations = {
    async refusals() {
      reads += 1;
      if (reads === 1) throw new Error("away");
      return [];
    },
  } as unknown as Operations;
  const { refusals } = shared({ ...operations, tallies: async () => [] });
  const beganMs = performance.now();
  await expect(refusals()).rejects.toThrow("away");
  for (let page = 0; page < 100; page += 1) expect(await refusals()).toEqual([]);
  // A slow machine may take longer than that for a hundred.
  expect(reads).toBeLessThanOrEqual(2 + Math.floor((performance.now() - beganMs) / 5_000));
});
