/** A replay goes evenly: it holds its rate, makes up for little, and for no wait. */
import { expect, test } from "vitest";
import { batchOf, createPace } from "../../src/replay/pace.ts";

/** A clock that stands still until it is told to go on. */
function clock() {
  let ms = 1_000;
  return {
    now: () => ms,
    pass(by: number) {
      ms += by;
    },
  };
}

/** When each batch goes where each takes so long; `stallMs`: by the number of a batch. */
function times(perSecond: number, batch: number, count: number, tookMs: number, stallMs = new Map<number, number>()) {
  const { now, pass } = clock();
  const pace = createPace(perSecond, now);
  return Array.from({ length: count }, (_, index) => {
    pass(pace.nextInMs() + (stallMs.get(index) ?? 0));
    const at = now();
    pass(tookMs);
    pace.took(batch);
    return at;
  });
}

test.each([
  [1, 1, 0],
  [100, 5, 3],
  [200, 10, 40],
  [5_000, 16, 1],
])("%i a second in batches of %i that take %i ms each", (perSecond, batch, tookMs) => {
  const all = times(perSecond, batch, 500, tookMs);
  const seconds = ((all.at(-1) ?? 0) - (all[0] ?? 0)) / 1_000;
  expect((499 * batch) / seconds / perSecond).toBeCloseTo(1, 2);
});

test("where each batch takes longer than it may, it goes as fast as it can, and no faster behind that", () => {
  const { now, pass } = clock();
  const pace = createPace(100, now);
  for (let batch = 0; batch < 100; batch += 1) {
    pass(200);
    pace.took(5);
  }
  // What was late is made up for half a second, and not for the ten seconds that it was.
  const at = now();
  let sent = 0;
  while (now() - at < 2_000) {
    pass(Math.max(1, pace.nextInMs()));
    pace.took(5);
    sent += 5;
  }
  expect(sent).toBeLessThanOrEqual(260);
});

test("what came before the first one is not made up for", () => {
  const { now, pass } = clock();
  const pace = createPace(10, now);
  pass(60_000);
  pace.took(0);
  expect(pace.nextInMs()).toBe(0);
  pace.took(1);
  expect(pace.nextInMs()).toBe(100);
});

test("a wait is not made up for", () => {
  const all = times(10, 1, 20, 0, new Map([[10, 60_000]]));
  const gaps = all.slice(1).map((at, index) => at - (all[index] ?? 0));
  // Half a second of it, five events, may go at once.
  expect(gaps.slice(10).filter((gap) => gap < 100).length).toBeLessThanOrEqual(6);
  expect(gaps.slice(0, 9)).toEqual(Array(9).fill(100));
});

test("slow ones go one by one, fast ones by as many as may", () => {
  expect([1, 19, 40, 100, 200, 5_000].map((perSecond) => batchOf(perSecond, 16))).toEqual([1, 1, 2, 5, 10, 16]);
});
