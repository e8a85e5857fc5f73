/** The jobs of unreadable messages. */
import { createHash } from "node:crypto";
import type { JobsOptions } from "bullmq";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import type { NewJob } from "./add-jobs.ts";

/** A job names its peer in its options, so that counting need not read the message. */
export type QuarantineJobsOptions = JobsOptions & { readonly peer: string };

/** The job of one record's message. */
export function quarantineJob({ id, message }: { readonly id: string; readonly message: QuarantinedMessage }): NewJob {
  const said = createHash("sha256").update(message.peer.name).update("\n").update(message.raw).digest("hex");
  const options: QuarantineJobsOptions = { attempts: 0, peer: message.peer.name };
  const [name, data] = [message.reason, JSON.stringify(message)];
  return { id, name, data, options, deduplicationId: `q${said.slice(0, 32)}`, count: null };
}
