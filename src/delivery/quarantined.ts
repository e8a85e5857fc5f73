/** A message that made no event, kept for a person. Of its peer's rules nothing is kept, because it is read again by those that are in force then. */
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
  /** What is kept of the message, as it came, from its first byte on, base64. */
  readonly raw: string;
  /** How many bytes of its body came behind that, and are not kept; absent when all are. */
  readonly notKept?: number;
}

/** What such a message is, and what to do about it, in words; null where looking at it says that. */
export const QUARANTINE_REASONS: Readonly<
  Record<QuarantineReason, { readonly what: string; readonly toDo: string | null }>
> = {
  "no-status": { what: "a report without a status and without a code", toDo: null },
  "unknown-type": { what: "a message with a status, of a type that nobody knows", toDo: null },
  "event-too-large": {
    what: "a report that holds more than an event may",
    toDo: "Its line says what. Replaying it comes to the same",
  },
  "type-outside-header": {
    what: "a message whose X-Mms-Message-Type is not in its header: a report within another mail, or behind an empty line",
    toDo: null,
  },
  "internal-error": {
    what: "a message that met a fault of ours while it was read",
    toDo: "Please report it, and replay it after an upgrade",
  },
  "not-read": {
    what: "a message that ended the process three times while it was read",
    toDo: "Please report it, and replay it after an upgrade, by the command line (mm4d quarantine replay ID): that reads it in a process of its own",
  },
};

/** Empty for a reason that another version had. */
export function reasonInWords(reason: string): string {
  const words = Object.hasOwn(QUARANTINE_REASONS, reason) ? QUARANTINE_REASONS[reason as QuarantineReason] : null;
  return words === null ? "" : [words.what, words.toDo].filter((part) => part !== null).join(". ");
}
