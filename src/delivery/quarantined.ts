/** A message that made no event, kept whole for a person. */
import type { PeerIdentity } from "./peer.ts";

export type QuarantineReason =
  /** A report without a status and without an internal status code. */
  | "no-status"
  /** A message with a status, but of a type nobody knows. */
  | "unknown-type"
  /** A report that is beyond a bound of events (bounds.ts). */
  | "event-too-large"
  /** A message whose type stands behind its header, as in a report within another mail. */
  | "type-outside-header"
  /** Our own fault while reading or judging. */
  | "internal-error";

export interface QuarantinedMessage {
  readonly reason: QuarantineReason;
  /** What went wrong, for `internal-error` and `event-too-large`; otherwise null. */
  readonly detail: string | null;
  readonly peer: PeerIdentity;
  /** RFC 3339, UTC. */
  readonly receivedAt: string;
  /** The message as it came, base64. */
  readonly raw: string;
}
