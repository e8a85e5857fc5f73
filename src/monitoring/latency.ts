/** How long replies and the way to the queue take, out of the histograms of all processes. */
import type { MetricsOfProcess } from "./metrics-text.ts";

/** In milliseconds, since the start; null before the first. Beyond the last bucket it is that bucket's bound. */
export interface Latency {
  readonly reply: Quantiles | null;
  readonly queue: Quantiles | null;
}

/** In milliseconds: half took no longer than the first, and nineteen of twenty no longer than the second. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
}

/** From the end of a message to our reply, and from its receipt to its event on the queue. */
export function latencyOf(processes: readonly MetricsOfProcess[]): Latency {
  return {
    reply: quantilesOf(processes, "mm4d_data_to_reply_seconds"),
    queue: quantilesOf(processes, "mm4d_journal_to_queue_seconds"),
  };
}

function quantilesOf(processes: readonly MetricsOfProcess[], name: string): Quantiles | null {
  /** How many took no longer than each bound, in seconds. */
  const upTo = new Map<number, number>();
  for (const metric of processes.flat()) {
    if (metric.name !== name) continue;
    for (const { value, labels } of metric.values) {
      if (labels.le === undefined) continue;
      const bound = labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le);
      upTo.set(bound, (upTo.get(bound) ?? 0) + value);
    }
  }
  const buckets = [...upTo].sort(([a], [b]) => a - b);
  const all = buckets.at(-1)?.[1] ?? 0;
  return all === 0 ? null : { p50: quantile(buckets, all * 0.5), p95: quantile(buckets, all * 0.95) };
}

/** Spread evenly within a bucket, as Prometheus does it. */
function quantile(buckets: readonly (readonly [bound: number, upTo: number])[], rank: number): number {
  let [below, before] = [0, 0];
  for (const [bound, upTo] of buckets) {
    if (!Number.isFinite(bound)) break;
    if (upTo >= rank) return (below + (bound - below) * ((rank - before) / (upTo - before))) * 1000;
    [below, before] = [bound, upTo];
  }
  return below * 1000;
}
