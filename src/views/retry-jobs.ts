/** Gives failed jobs back to consumers: one, or all whose errors are alike. */
import { BOUNDS } from "../bounds/bounds.ts";
import { openFailedJobs } from "../queue/failed.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { errorsOf, nameOfError } from "./troubles.ts";
import type { OnGiven, RetriedJobs } from "./views.ts";

/** So many at a time are looked at, and then given back. */
const PAGE = 1_000;
/** So many are given back beside each other, each in a step of its own. */
const AT_ONCE = 20;

export interface RetryOptions {
  /** When it ends, as `performance.now()` tells. */
  readonly until?: number;
  readonly onGiven?: OnGiven;
}

/**
 * How many were given back. All are looked at that have failed by now, however many; a consumer that fails again
 * meanwhile is given no job twice. Ends early by count and by time: what is left is still listed. Where it breaks off,
 * `onGiven` was told how many were given back until then.
 */
export async function retryJobs(
  place: QueuePlace,
  queue: string,
  which: RetriedJobs,
  { until = performance.now() + BOUNDS.retriedMs.value, onGiven = () => {} }: RetryOptions = {},
): Promise<number> {
  const failed = openFailedJobs(place, queue);
  try {
    if ("id" in which) return (await failed.retry(which.id)) ? 1 : 0;
    // All ids at once, because ranks in a set that changes would skip jobs.
    const ids = await place.redis.zrange(`${place.prefix}:${queue}:failed`, 0, -1);
    let count = 0;
    for (let from = 0; from < ids.length; from += PAGE) {
      const some = ids.slice(from, from + PAGE);
      const errors = await errorsOf(place, queue, some);
      const alike = some.filter((_, index) => nameOfError(errors[index]?.error ?? "") === which.error);
      for (let first = 0; first < alike.length; first += AT_ONCE) {
        // Some are always given back, so that whoever asks again comes to an end.
        if (count >= BOUNDS.jobsRetried.value || (count > 0 && performance.now() > until)) return count;
        const given = await Promise.allSettled(alike.slice(first, first + AT_ONCE).map(failed.retry));
        count += given.filter((one) => one.status === "fulfilled" && one.value).length;
        onGiven(count);
        for (const one of given) if (one.status === "rejected") throw one.reason;
      }
    }
    return count;
  } finally {
    await failed.close();
  }
}
