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
  const work = (workMs: number, stolenMs = 0): number => {
    ms += workMs + stolenMs;
    used += workMs;
    return time.took();
  };
  return { time, work, asked: () => asked };
}

test("short pieces are taken from the clock, and the kernel is asked once for all of them", () => {
  const { time, work, asked } = played();
  time.begin();
  expect(Array.from({ length: 32 }, () => work(0.01))).toEqual(Array(32).fill(expect.closeTo(0.01)));
  expect(asked()).toBe(1);
});

test("while another program had the processor nothing was used, also behind pieces that were", () => {
  const { time, work } = played();
  time.begin();
  expect([work(0.2), work(0.1, 100), work(3), work(0.3), work(2, 50), work(0, 20)]).toEqual(
    [0.2, 0.1, 3, 0.3, 2, 0].map((ms) => expect.closeTo(ms)),
  );
});

test("what was done before it began is not counted", () => {
  const { time, work } = played();
  time.begin();
  work(0.4);
  work(70);
  time.begin();
  expect(work(1, 10)).toBeCloseTo(1);
});

test("the kernel tells what this process has used, in milliseconds", () => {
  const before = usedByProcess();
  const untilMs = before + 20;
  while (usedByProcess() < untilMs);
  expect(usedByProcess() - before).toBeGreaterThanOrEqual(20);
});
