/** What is counted in plain numbers reads as what prom-client counts itself: the same text, in the same order. */
import fc from "fast-check";
import { Counter, Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { metricsText } from "../../src/monitoring/metrics-text.ts";
import { counterTally, histogramTally } from "../../src/monitoring/tally.ts";

const label = fc.oneof(fc.constantFrom("", "a", "b", "a,b", "__proto__", "constructor", "1", "10"), fc.string());
const labels = fc.record({ peer: label, code: label });
const seconds = fc.oneof(fc.constantFrom(0, 0.005, 0.01, 1, 5, 6), fc.double({ min: 0, max: 10, noNaN: true }));
const METRIC = { name: "m", help: "what it is", labelNames: ["peer", "code"] as const };
const BUCKETS = [0.005, 0.01, 1, 5];

/** Two registries, with everything that one can ask them for. */
function registries(process: string | null) {
  const plain = new Registry();
  const tallied = new Registry();
  if (process !== null) for (const registry of [plain, tallied]) registry.setDefaultLabels({ process });
  const asked = async (registry: Registry) => [
    await registry.metrics(),
    await metricsText([await registry.getMetricsAsJSON()]),
    (registry.getSingleMetric(METRIC.name) as unknown as { labelNames: unknown }).labelNames,
  ];
  return {
    plain: [plain],
    tallied: [tallied],
    same: async () => expect(await asked(tallied)).toEqual(await asked(plain)),
  };
}

const process = fc.constantFrom(null, "2");

test("a counter", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(labels), fc.array(labels), process, async (before, after, number) => {
      const { plain, tallied, same } = registries(number);
      const counter = new Counter({ ...METRIC, registers: plain });
      const tally = counterTally({ ...METRIC, registers: tallied });
      for (const counted of [before, after]) {
        for (const one of counted) {
          counter.inc(one);
          tally.inc(one);
        }
        await same();
      }
    }),
  );
});

test("a histogram", async () => {
  const observations = fc.array(fc.tuple(labels, seconds));
  await fc.assert(
    fc.asyncProperty(observations, observations, process, async (before, after, number) => {
      const { plain, tallied, same } = registries(number);
      const histogram = new Histogram({ ...METRIC, buckets: BUCKETS, registers: plain });
      const tally = histogramTally({ ...METRIC, buckets: BUCKETS, registers: tallied });
      for (const observed of [before, after]) {
        for (const [one, value] of observed) {
          histogram.observe(one, value);
          tally.observe(one, value);
        }
        await same();
      }
    }),
  );
});

test("a histogram without labels, which is there before anything is observed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(seconds), process, async (values, number) => {
      const { plain, tallied, same } = registries(number);
      const config = { ...METRIC, labelNames: [], buckets: BUCKETS };
      const histogram = new Histogram({ ...config, registers: plain });
      const tally = histogramTally({ ...config, registers: tallied });
      await same();
      for (const value of values) {
        histogram.observe(value);
        tally.observe({}, value);
      }
      await same();
      for (const odd of [Number.NaN, Number.POSITIVE_INFINITY]) expect(() => tally.observe({}, odd)).toThrow(TypeError);
      await same();
    }),
  );
});

test("what is counted while somebody asks is in the next answer, or in this one, and counts once", async () => {
  const registry = new Registry();
  const tally = counterTally({ ...METRIC, registers: [registry] });
  const one = { peer: "a", code: "1" };
  tally.inc(one);
  const asked = [registry.metrics(), registry.getMetricsAsJSON(), registry.metrics()];
  tally.inc(one);
  await Promise.all(asked);
  expect(await registry.metrics()).toContain('m{peer="a",code="1"} 2');
});
