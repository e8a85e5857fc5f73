/** The jobs of unreadable messages. */
import { createHash } from "node:crypto";
import type { JobsOptions } from "bullmq";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { type CountedJob, newJob } from "./add-jobs.ts";

/** A job names its peer in its options, so that counting need not read the message. */
export type QuarantineJobsOptions = JobsOptions & { readonly peer: string };

/** The job of one record's message. `ttl` says for how many milliseconds another record of the same message is a duplicate. */
export function quarantineJob(
  { id, message }: { readonly id: string; readonly message: QuarantinedMessage },
  ttl: number,
): CountedJob {
  const said = createHash("sha256").update(message.peer.name).update("\n").update(message.raw).digest("hex");
  const deduplicationId = `q${said.slice(0, 32)}`;
  const opts: QuarantineJobsOptions = {
    attempts: 0,
    jobId: id,
    deduplication: { id: deduplicationId, ttl },
    peer: message.peer.name,
  };
  return newJob({ id, name: message.reason, data: JSON.stringify(message), opts, deduplicationId });
}
