/** What a job of the quarantine says besides its message. */
import type { JobsOptions } from "bullmq";

/** A job names its peer in its options, so that counting need not read the message. */
export type QuarantineJobsOptions = JobsOptions & { readonly peer: string };
