/** How fast a queue is consumed, by what BullMQ keeps of the jobs that are done. */
import type { QueuePlace } from "./queue-place.ts";

/** What became of jobs in the last minute. */
export interface QueueRates {
  /** Null when consumed jobs are not kept for so long. */
  readonly completed: number | null;
  /** Whether more may have been completed, because only so many are kept. */
  readonly isMore: boolean;
  readonly failed: number;
}

/** How long consumed jobs are kept, in seconds, and how many of them. */
export interface CompletedKept {
  readonly completedKeepSeconds: number;
  readonly completedKeepCount: number;
}

const MINUTE_MS = 60_000;

/** Rejects when Redis does not answer. */
export async function ratesOf(
  { redis, prefix }: QueuePlace,
  queue: string,
  { completedKeepSeconds, completedKeepCount }: CompletedKept,
): Promise<QueueRates> {
  const since = Date.now() - MINUTE_MS;
  const [completed, failed] = await Promise.all(
    ["completed", "failed"].map((set) => redis.zcount(`${prefix}:${queue}:${set}`, since, "+inf")),
  );
  const isKept = completedKeepCount > 0 && completedKeepSeconds * 1_000 >= MINUTE_MS;
  return {
    completed: isKept ? (completed ?? 0) : null,
    isMore: isKept && (completed ?? 0) >= completedKeepCount,
    failed: failed ?? 0,
  };
}
