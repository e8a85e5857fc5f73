/** What the log is told of reasons. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { REASONS, type Reason } from "../../src/monitoring/reasons.ts";
import { createReasonsTold, type ReasonsTold, TOLD } from "../../src/monitoring/reasons-told.ts";

let said: string[];
let told: ReasonsTold;
beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  told = createReasonsTold({
    onBegin: ({ name, text }) => said.push(`${name} begun: ${text}`),
    onEnd: (name, { times }) => said.push(`${name} over after ${times}`),
  });
});
afterEach(() => void vi.useRealTimers());

function reason(name: string, text = "so it is"): Reason {
  return { name, state: "needs-attention", text, remedy: "do this" };
}

test("one that begins is told once, and once when it has been over for a while, however it flickers", () => {
  for (let look = 0; look < 5; look += 1) told.tell([reason("events-failed", `${look} failed`)]);
  expect(said).toEqual(["events-failed begun: 0 failed"]);
  told.tell([]);
  told.tell([reason("events-failed")]);
  told.tell([]);
  expect(said.length).toBe(1);
  vi.advanceTimersByTime(10_000);
  expect(said[1]).toMatch(/^events-failed over/);
  told.tell([reason("events-failed", "again")]);
  expect(said[2]).toBe("events-failed begun: again");
});

test("one that has a line of its own is not told twice, and every name is a reason's", () => {
  told.tell([reason("redis-away"), reason("queue-paused")]);
  expect(said).toEqual(["queue-paused begun: so it is"]);
  const names = REASONS.map(({ name }) => name);
  expect(TOLD.filter((name) => !names.includes(name))).toEqual([]);
});
