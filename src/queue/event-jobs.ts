/** The jobs of events: their options, and how long their ids are remembered. */
import type { JobsOptions } from "bullmq";
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import type { Config } from "../settings/config.ts";
import { type CountedJob, NEW_JOB } from "./add-jobs.ts";

export type EventJobsSettings = Pick<
  Config,
  | "jobAttempts"
  | "jobBackoffMs"
  | "completedKeepSeconds"
  | "completedKeepCount"
  | "failedKeepSeconds"
  | "failedKeepCount"
>;

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
  return { ...NEW_JOB, id, name: event.type, data, opts, deduplicationId: event.id, timestamp: Date.now() };
}
