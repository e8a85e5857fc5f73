/** When an MMSC counts as away, and who asks it again. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAway } from "../../src/acknowledgement/away.ts";

// The clock stands still but where a test moves it.
beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

const NOT_TRIED = {
  kind: "failed",
  reason: "Not tried: it came to nothing just before (it does not answer)",
  mmsc: "not-asked",
};

function awayAfter(failures: number) {
  const away = createAway(1_000);
  for (let failure = 0; failure < failures; failure += 1) away.unanswered("it does not answer");
  return away;
}

test("two responses without an answer may be their own fault; after three in a row no more are tried", () => {
  expect(awayAfter(2).mayAsk()).toBe(false);
  expect(awayAfter(3).mayAsk()).toEqual(NOT_TRIED);
  const answeredOnce = awayAfter(2);
  answeredOnce.answered();
  answeredOnce.unanswered("it does not answer");
  expect(answeredOnce.mayAsk()).toBe(false);
});

test("after the pause one response asks, and the others lose no attempt while it does", () => {
  const away = awayAfter(3);
  vi.advanceTimersByTime(1_000);
  expect([away.mayAsk(), away.mayAsk(), away.mayAsk()]).toEqual([true, { kind: "busy" }, { kind: "busy" }]);
  away.answered();
  away.asked();
  expect([away.mayAsk(), away.mayAsk()]).toEqual([false, false]);
});

test("the pause doubles with each failure, up to twelve times the first", () => {
  const away = awayAfter(3);
  const pauses: number[] = [];
  for (let failure = 0; failure < 6; failure += 1) {
    let pause = 0;
    for (; away.mayAsk() !== true; pause += 1) vi.advanceTimersByTime(1_000);
    pauses.push(pause);
    away.unanswered("it does not answer");
    away.asked();
  }
  expect(pauses).toEqual([1, 2, 4, 8, 12, 12]);
});
