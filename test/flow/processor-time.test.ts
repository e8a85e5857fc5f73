/** What a piece of work took of the processor, by the clock while that is right. */
import { expect, test } from "vitest";
import { createProcessorTime, usedByProcess } from "../../src/flow/processor-time.ts";

/** Work and waiting, and how often the kernel was asked. */
function played() {
  let ms = 0;
  let used = 0;
  let asked = 0;
  const time = createProcessorTime(
    () => ms,
    () => {
      asked += 1;
      return used;
    },
  );
  const wait = (waitMs: number): void => {
    ms += waitMs;
  };
  const work = (workMs: number, stolenMs = 0): number | null => {
    ms += workMs + stolenMs;
    used += workMs;
    return time.took();
  };
  return { time, wait, work, asked: () => asked };
}

const close = (all: readonly (number | null)[]) => all.map((ms) => (ms === null ? null : expect.closeTo(ms)));

test("while all pieces are short the clock tells what they took, and the kernel is not asked", () => {
  const { time, work, asked } = played();
  for (let batch = 0; batch < 3; batch += 1) {
    time.begin();
    expect(Array.from({ length: 32 }, () => work(0.01))).toEqual(close(Array(32).fill(0.01)));
  }
  expect(asked()).toBe(0);
});

test("what the first long piece took is not known; behind it what another program had of the time is left out", () => {
  const { time, work } = played();
  time.begin();
  expect([work(0.2), work(0.1, 100), work(3), work(0.3), work(2, 50), work(0, 20)]).toEqual(
    close([0.2, null, 3, 0.3, 2, 0]),
  );
  time.begin();
  expect([work(0.5), work(1, 10)]).toEqual(close([0.5, 1]));
});

test("what was done before it began is not counted, and after a second the clock is right again", () => {
  const { time, wait, work, asked } = played();
  time.begin();
  work(70);
  work(0.4);
  time.begin();
  expect(work(1, 10)).toBeCloseTo(1);
  const before = asked();
  wait(1_000);
  time.begin();
  expect(work(0.4)).toBeCloseTo(0.4);
  expect(asked()).toBe(before);
});

test("the kernel tells what this process has used, in milliseconds", () => {
  const before = usedByProcess();
  const untilMs = before + 20;
  while (usedByProcess() < untilMs);
  expect(usedByProcess() - before).toBeGreaterThanOrEqual(20);
});
