/** What happened to a message, and what a consumer should do with that. */

/** What happened. */
export type Outcome =
  | "delivered"
  | "forwarded"
  | "deferred"
  | "expired"
  | "rejected"
  | "unrecognised"
  | "failed"
  | "indeterminate"
  | "unknown"
  | "read"
  | "deleted-unread";

/** What it means for whoever sent the message. */
export type Disposition = "success" | "failure" | "pending" | "unknown";

/** Whose acceptance a success stands for. */
export type Stage = "handset" | "carrier";

export type RejectedBy = "recipient" | "network" | "bandwidth" | "carrier";

export interface Verdict {
  readonly outcome: Outcome;
  readonly disposition: Disposition;
  /** No later report is expected to change it. */
  readonly final: boolean;
  readonly stage: Stage | null;
  readonly rejectedBy: RejectedBy | null;
  /** Status and code, or two status fields, contradict each other. */
  readonly conflict: boolean;
}
