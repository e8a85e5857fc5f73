/** What happened to a message, and what a consumer should do with that. */

/** What happened. Spelt out, because the schema of events is made of this type. */
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

/** The outcomes that a code may have. */
export const OUTCOMES_OF_CODES = [
  "delivered",
  "forwarded",
  "deferred",
  "expired",
  "rejected",
  "unrecognised",
  "failed",
  "indeterminate",
  "unknown",
] as const satisfies readonly Outcome[];
/** All of them: read reports have no code. */
export const OUTCOMES = [...OUTCOMES_OF_CODES, "read", "deleted-unread"] as const satisfies readonly Outcome[];

/** What it means for whoever sent the message. */
export type Disposition = "success" | "failure" | "pending" | "unknown";
/** All of them. */
export const DISPOSITIONS = ["success", "failure", "pending", "unknown"] as const satisfies readonly Disposition[];

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
