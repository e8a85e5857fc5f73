/** The jobs of events, and their options. */
import type { JobsOptions } from "bullmq";
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import { takesMoreThan } from "../text/byte-length.ts";
import type { NewJob } from "./add-jobs.ts";
import { countOf } from "./statistics.ts";

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

/** The options of all jobs of events. */
export interface EventJobs {
  readonly ordinary: JobsOptions;
  /** Of events that are too large to be kept for people to look at. */
  readonly large: JobsOptions;
}

/** How often consumers try a job, and for how long it is kept when it is done. */
export function eventJobs(settings: EventJobsSettings): EventJobs {
  const ordinary = {
    attempts: settings.jobAttempts,
    backoff: { type: "exponential", delay: settings.jobBackoffMs },
    removeOnComplete: { age: settings.completedKeepSeconds, count: settings.completedKeepCount },
    removeOnFail: { age: settings.failedKeepSeconds, count: settings.failedKeepCount },
  };
  return { ordinary, large: { ...ordinary, removeOnComplete: true } };
}

/** The job of one record's event. */
export function eventJob(
  { id, event }: { readonly id: string; readonly event: DeliveryEvent },
  { ordinary, large }: EventJobs,
): NewJob {
  const data = textOf(event);
  const options = takesMoreThan(BOUNDS.consumedEventBytes.value, data) ? large : ordinary;
  return { id, name: event.type, data, options, deduplicationId: event.id, count: countOf(event) };
}
