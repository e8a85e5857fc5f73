/** The jobs of events: their options, and how long their ids are remembered. */
import type { JobsOptions } from "bullmq";
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import { type CountedJob, newJob } from "./add-jobs.ts";

/** What becomes of the jobs of events. */
export interface EventJobsSettings {
  /** How often a consumer may try an event. */
  readonly jobAttempts: number;
  /** The wait before its second attempt, in milliseconds. */
  readonly jobBackoffMs: number;
  /** How long a consumed job is kept, in seconds, and how many are. */
  readonly completedKeepSeconds: number;
  readonly completedKeepCount: number;
  /** How long a job that has failed is kept, in seconds, and how many are; those of acknowledgements too. */
  readonly failedKeepSeconds: number;
  readonly failedKeepCount: number;
}

/** How often consumers try a job, and for how long it is kept when it is done. */
export function eventJobs(settings: EventJobsSettings): JobsOptions {
  return {
    attempts: settings.jobAttempts,
    backoff: { type: "exponential", delay: settings.jobBackoffMs },
    removeOnComplete: { age: settings.completedKeepSeconds, count: settings.completedKeepCount },
    removeOnFail: { age: settings.failedKeepSeconds, count: settings.failedKeepCount },
  };
}

/** The job of one record's event. `ttl` says for how many milliseconds another record of the same event is a duplicate. */
export function eventJob(
  { id, event }: { readonly id: string; readonly event: DeliveryEvent },
  options: JobsOptions,
  ttl: number,
): CountedJob {
  const data = textOf(event);
  const opts = {
    ...options,
    ...(Buffer.byteLength(data) > BOUNDS.consumedEventBytes.value ? { removeOnComplete: true } : {}),
    jobId: id,
    deduplication: { id: event.id, ttl },
  };
  return newJob({ id, name: event.type, data, opts, deduplicationId: event.id });
}
