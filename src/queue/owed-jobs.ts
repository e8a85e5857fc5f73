/** The jobs of acknowledgements that are owed: their ids, their options, how often they are tried. */
import { createHash } from "node:crypto";
import type { JobsOptions } from "bullmq";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { Bounce } from "../delivery/bounced.ts";
import type { NewJob } from "./add-jobs.ts";

/** The data of a job. */
export interface OwedJob extends Acknowledgement {
  /** The bounce that came back for it. */
  readonly bounce?: Bounce;
}

/**
 * The id of the job of an acknowledgement. A record that is published again gives the same id; a report
 * that comes again is another record and gives another one. It is a hash, because a peer sent its parts.
 */
export function acknowledgementId({ eventId, transactionId }: Acknowledgement, recordId: string): string {
  const hash = createHash("sha256");
  for (const part of [eventId ?? "", transactionId ?? "", recordId]) hash.update(`${part.length} ${part} `, "latin1");
  return `a${hash.digest("hex").slice(0, 32)}`;
}

export interface OwedJobsSettings {
  /** How long a job that has failed is kept, in seconds. */
  readonly failedKeepSeconds: number;
  readonly failedKeepCount: number;
}

/** How often a job is tried, and for how long it is kept when it is done. */
export function acknowledgementJobs(
  waitsMs: readonly number[],
  { failedKeepSeconds, failedKeepCount }: OwedJobsSettings,
): JobsOptions {
  return {
    attempts: waitsMs.length + 1,
    backoff: { type: "schedule" },
    // BullMQ would keep a stack trace for each attempt. Ours say nothing.
    stackTraceLimit: 0,
    removeOnComplete: SENT_KEPT,
    removeOnFail: { age: failedKeepSeconds, count: failedKeepCount },
  };
}

/** The job of the acknowledgement that a record owes. Its id is remembered as long as an event's: what is published again is not sent again. */
export function owedJob(
  { id: recordId, acknowledgement }: { readonly id: string; readonly acknowledgement: Acknowledgement },
  options: JobsOptions,
): NewJob {
  const id = acknowledgementId(acknowledgement, recordId);
  const data = JSON.stringify(acknowledgement);
  return { id, name: acknowledgement.messageType, data, options, deduplicationId: id, count: null };
}

/** The waits between attempts, in milliseconds, before chance is added: doubling, for about an hour in all. */
export function retrySchedule(firstSeconds: number): readonly number[] {
  const waits: number[] = [];
  let sum = 0;
  for (let wait = firstSeconds * 1000; sum < TRIED_FOR_MS; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    waits.push(wait);
    sum += wait;
  }
  return waits;
}

const TRIED_FOR_MS = 3_600_000;
const LONGEST_WAIT_MS = 600_000;
/** A bounce may come days after its acknowledgement was sent. */
const SENT_KEPT = { age: 5 * 86_400, count: 10_000 };
