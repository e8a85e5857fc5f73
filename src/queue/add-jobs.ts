/**
 * BullMQ's step of adding a job, for all jobs of a batch at once, and the count
 * of each for the statistics. What is left in Redis is what `Queue.add` leaves:
 * the same keys, the same deduplication, the same events.
 *
 * BullMQ's `addBulk` is a pipeline: as many calls as jobs, in one write. Here it is one.
 */
import type { JobsOptions, Queue } from "bullmq";
import { addStandardJob } from "bullmq/dist/esm/scripts/addStandardJob-9.js";
import type { Redis } from "ioredis";
import { ADD_ALL } from "./add-jobs-script.ts";
import { bucketsOf, type Count } from "./statistics.ts";

export interface NewJob {
  readonly id: string;
  readonly name: string;
  /** As JSON. */
  readonly data: string;
  /** The same object for all jobs that share them, because they are sent once. */
  readonly options: JobsOptions;
  /** While it is remembered, no other job is added under it. */
  readonly deduplicationId: string;
  /** As what it is counted when it is new; null where it is not. */
  readonly count: Count | null;
}

/**
 * Adds jobs to one queue in one call. Gives for each, in order, its id, or that of the job that stands for it already,
 * or why it could not be added. Rejects when nothing is known of any of them. So many, and so much, as the caller wants
 * Redis to work on without a break.
 */
export type AddJobs = (queue: Queue, jobs: readonly NewJob[]) => Promise<readonly (string | Error)[]>;

export interface AddJobsOptions {
  readonly redis: Redis;
  readonly prefix: string;
  /** For how many milliseconds another job of the same deduplication id is a duplicate. */
  readonly ttl: number;
  /** From now on jobs are added and are not in the statistics. */
  readonly onNotCounted: (cause: Error) => void;
}

/** What the script gives: an end for each job, and behind them why counts could not be written. */
type AddAll = (args: readonly string[]) => Promise<readonly (string | number | Error)[]>;

/** The keys that BullMQ's script is given, in its order. */
export const KEYS = ["wait", "paused", "meta", "id", "completed", "delayed", "active", "events", "marker"];

export function addJobsOn({ redis, prefix, ttl, onNotCounted }: AddJobsOptions): AddJobs {
  redis.defineCommand("addAllJobs", { numberOfKeys: addStandardJob.keys, lua: ADD_ALL });
  const { addAllJobs } = redis as unknown as { addAllJobs: AddAll };
  const addAll = addAllJobs.bind(redis);
  /** Whether the jobs added last are in the statistics, because it is told once that they are not. */
  let counts = true;

  return async (queue, jobs) => {
    const head = headOf(jobs, queue.toKey(""), prefix, ttl);
    const ends = await addAll([...KEYS.map(queue.toKey), JSON.stringify(head), ...jobs.map(({ data }) => data)]);
    if (head.kinds.length > 0) {
      const [notCounted = null] = ends.slice(jobs.length) as Error[];
      if (notCounted !== null && counts) onNotCounted(notCounted);
      counts = notCounted === null;
    }
    return jobs.map((_, index) => endOf(ends[index]));
  };
}

/** All that the script is told but the jobs' data. What many jobs share stands there once, and they say at which place, counted from 1. */
function headOf(jobs: readonly NewJob[], queueKey: string, prefix: string, ttl: number) {
  const options: JobsOptions[] = [];
  const minutes: number[] = [];
  const kinds: string[] = [];
  const counted: (readonly [minute: number, kind: string])[] = [];
  const heads = jobs.map((job) => {
    return [
      job.id,
      job.name,
      job.deduplicationId,
      placeIn(options, job.options),
      job.count ? countPlace(job.count) : 0,
    ];
  });

  function countPlace({ minuteMs, kind }: Count): number {
    const minute = placeIn(minutes, minuteMs);
    const place = placeIn(kinds, `${minute} ${kind}`);
    if (place > counted.length) counted.push([minute, kind]);
    return place;
  }

  return {
    queueKey,
    // As texts, because Lua takes long to write a number as one.
    timestamp: String(Date.now()),
    ttl: String(ttl),
    // BullMQ's short name of `deduplication`. The script puts each job's own ids in.
    options: options.map((shared) => ({ jobId: "", de: { id: "", ttl }, ...shared })),
    buckets: minutes.map((minuteMs) => bucketsOf(minuteMs, prefix)),
    kinds: counted,
    jobs: heads,
  };
}

/** Where it stands in a short list, to which it is added when it is not there. */
function placeIn<T>(list: T[], one: T): number {
  const index = list.indexOf(one);
  return index === -1 ? list.push(one) : index + 1;
}

function endOf(end: string | number | Error | undefined): string | Error {
  if (end instanceof Error) return end;
  // BullMQ's script says with a negative number that it has added nothing.
  if (end === undefined || typeof end === "number")
    return new Error(`BullMQ did not add the job: ${end ?? "no answer"}`);
  return end;
}
