import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createOutage } from "../../src/monitoring/outage.ts";

const told: unknown[] = [];
const outageOf = (patienceMs = 0) =>
  createOutage<string>({
    onBegun: (cause) => void told.push(cause),
    onOver: (outage) => void told.push(outage),
    patienceMs,
    steadyMs: 5_000,
  });

beforeEach(() => {
  told.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test("an outage is told when it begins, and when it has been over for a while", () => {
  const outage = outageOf();
  outage.begun("gone");
  vi.advanceTimersByTime(3_000);
  expect(outage.over()).toBe(true);
  vi.advanceTimersByTime(4_999);
  expect(told).toEqual(["gone"]);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(["gone", { lastedMs: 3_000, times: 1 }]);
  expect(outage.over()).toBe(false);
});

test("one that comes back five times a second for an hour is told once", () => {
  const outage = outageOf(2_000);
  for (let time = 0; time < 18_000; time++) {
    outage.begun(`cut ${time}`);
    vi.advanceTimersByTime(100);
    outage.over();
    vi.advanceTimersByTime(100);
  }
  expect(told).toEqual(["cut 10"]);
  vi.advanceTimersByTime(5_000);
  expect(told[1]).toEqual({ lastedMs: 3_599_900, times: 18_000 });
});

test("one that is over within the patience is not told, and neither is its end", () => {
  const outage = outageOf(2_000);
  outage.begun("short");
  vi.advanceTimersByTime(1_900);
  outage.over();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([]);
  outage.begun("long");
  vi.advanceTimersByTime(2_000);
  expect(told).toEqual(["long"]);
});

test("stop() tells an end that was waited for, and no end of one that goes on", () => {
  const ended = outageOf();
  ended.begun("ended");
  ended.over();
  ended.stop();
  expect(told).toEqual(["ended", { lastedMs: 0, times: 1 }]);
  const going = outageOf();
  going.begun("going");
  going.stop();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(["ended", { lastedMs: 0, times: 1 }, "going"]);
});
