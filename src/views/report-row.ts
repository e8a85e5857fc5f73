/** A report as a row of a list, and which rows somebody asks for. */
import type { EventType } from "../delivery/event.ts";
import type { Disposition, Outcome } from "../delivery/verdict.ts";

export interface ReportRow {
  /** Of its record, and so of its job, or of its place in quarantine. */
  readonly id: string;
  /** When it was received: RFC 3339, UTC. */
  readonly at: string;
  readonly peer: string;
  /** What became of the message. `duplicate`: its event was on the queue already. `unknown`: a crash has taken that, and it is found in the archive. */
  readonly fate: "queued" | "duplicate" | "quarantined" | "ignored" | "unknown";
  /** The job of its event: its own, or the one that stood for that event already. Null without one, and where that is not known. */
  readonly jobId: string | null;
  /** Null without an event, as all down to `warnings`. */
  readonly eventId: string | null;
  readonly type: EventType | null;
  readonly outcome: Outcome | null;
  readonly disposition: Disposition | null;
  readonly code: number | null;
  readonly conflict: boolean;
  readonly warnings: readonly string[];
  /** Why it is in quarantine, or which PDU was ignored; null for the others. */
  readonly why: string | null;
  readonly messageId: string | null;
  readonly transactionId: string | null;
  /** Whole, in digits. Whoever shows one masks it. */
  readonly numbers: readonly string[];
}

/** Each part null, or false, where it leaves nothing out. */
export interface ReportFilter {
  readonly peer: string | null;
  readonly outcome: Outcome | null;
  readonly disposition: Disposition | null;
  /** `none`: events without a code. */
  readonly code: number | "none" | null;
  readonly type: EventType | null;
  /** Received since then: RFC 3339, UTC. */
  readonly since: string | null;
  readonly conflict: boolean;
  /** With warnings. */
  readonly warnings: boolean;
  /** An id or a number, as a person writes it. */
  readonly q: string | null;
}
