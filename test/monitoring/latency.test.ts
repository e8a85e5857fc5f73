import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { latencyOf } from "../../src/monitoring/latency.ts";
import { histogramTally } from "../../src/monitoring/tally.ts";

const BUCKETS = [0.001, 0.01, 0.1];

/** One process that has observed these seconds. */
function processOf(seconds: readonly number[]) {
  const registry = new Registry();
  const observed = histogramTally({
    name: "mm4d_data_to_reply_seconds",
    help: "x",
    labelNames: [],
    buckets: BUCKETS,
    registers: [registry],
  });
  for (const one of seconds) observed.observe({}, one);
  return registry.getMetricsAsJSON();
}

test("quantiles are spread evenly within a bucket, over all processes", async () => {
  const fast = await processOf(Array.from({ length: 90 }, () => 0.0005));
  const slow = await processOf(Array.from({ length: 10 }, () => 0.05));
  const { reply, queue } = latencyOf([fast, slow]);
  // The 50th of 90 in the first bucket; the 5th of the 10 between 10 and 100 ms.
  expect(reply?.p50).toBeCloseTo(50 / 90);
  expect(reply?.p95).toBeCloseTo(10 + 90 * 0.5);
  expect(queue).toBeNull();
});

test("before the first report there is none; what is beyond the last bucket counts as its bound", async () => {
  expect(latencyOf([await processOf([])]).reply).toBeNull();
  expect(latencyOf([await processOf([7, 8])]).reply).toEqual({ p50: 100, p95: 100 });
});
