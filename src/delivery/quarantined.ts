/** A message that made no event, kept for a person. */
import type { PeerIdentity } from "./peer.ts";

export type QuarantineReason =
  /** A report without a status and without an internal status code. */
  | "no-status"
  /** A message with a status, but of an unknown type. */
  | "unknown-type"
  /** A report that exceeds a bound of events (bounds.ts). */
  | "event-too-large"
  /** A message that has its type after its header, as a report within another mail has. */
  | "type-outside-header"
  /** A bug of mm4d in reading or judging. */
  | "internal-error"
  /** Reading it ended the process three times, so it is not read any more. */
  | "not-read";

export interface QuarantinedMessage {
  readonly reason: QuarantineReason;
  /** What went wrong, for `internal-error`, `event-too-large` and `not-read`; otherwise null. */
  readonly detail: string | null;
  readonly peer: PeerIdentity;
  /** RFC 3339, UTC. */
  readonly receivedAt: string;
  /** The message as it came, base64. */
  readonly raw: string;
  /** How many bytes of its body came behind that, and are not kept; absent when all are. */
  readonly notKept?: number;
}
