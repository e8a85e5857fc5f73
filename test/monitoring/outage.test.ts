import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createOutage } from "../../src/monitoring/outage.ts";

const told: unknown[] = [];
const outageOf = (patienceMs = 0) =>
  createOutage<string>({
    onBegin: (cause) => void told.push(cause),
    onEnd: (outage) => void told.push(outage),
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
  outage.begin("gone");
  vi.advanceTimersByTime(3_000);
  expect(outage.end()).toBe(true);
  vi.advanceTimersByTime(4_999);
  expect(told).toEqual(["gone"]);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(["gone", { lastedMs: 3_000, times: 1 }]);
  expect(outage.end()).toBe(false);
});

test("one that comes back five times a second for an hour is told once", () => {
  const outage = outageOf(2_000);
  for (let time = 0; time < 18_000; time++) {
    outage.begin(`cut ${time}`);
    vi.advanceTimersByTime(100);
    outage.end();
    vi.advanceTimersByTime(100);
  }
  expect(told).toEqual(["cut 10"]);
  vi.advanceTimersByTime(5_000);
  expect(told[1]).toEqual({ lastedMs: 3_599_900, times: 18_000 });
});

test("one that is over within the patience is not told, and neither is its end", () => {
  const outage = outageOf(2_000);
  outage.begin("short");
  vi.advanceTimersByTime(1_900);
  outage.end();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([]);
  outage.begin("long");
  vi.advanceTimersByTime(2_000);
  expect(told).toEqual(["long"]);
});

test("stop() tells an end that was waited for, and no end of one that goes on", () => {
  const ended = outageOf();
  ended.begin("ended");
  ended.end();
  ended.stop();
  expect(told).toEqual(["ended", { lastedMs: 0, times: 1 }]);
  const going = outageOf();
  going.begin("going");
  going.stop();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(["ended", { lastedMs: 0, times: 1 }, "going"]);
});
