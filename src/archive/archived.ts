/** What the archive gives back: a record as it was received, and what became of it. */
import type { Outcome } from "../delivery/verdict.ts";
import type { JournalRecord } from "../journal/record.ts";

/** A record as it was received, and what became of it. */
export interface ArchivedRecord {
  readonly record: JournalRecord;
  /** Null where it is not known: a crash has taken it, or it is not worked off yet (`at` says which). */
  readonly became: Became | null;
  /** Where it stands: archive, or the journal and how far it has come there. */
  readonly at: "archive" | "waiting" | "on-queue" | "settled";
}

/** What became of a record. */
export interface Became {
  /** When: RFC 3339, UTC. */
  readonly at: string;
  readonly kind: "queued" | "duplicate" | "quarantined" | "ignored" | "bounce";
  /** Of its event; null where it made none. */
  readonly eventId: string | null;
  /** Of its event; null where it made none. */
  readonly outcome: Outcome | null;
  /** Id of the job that stood for its event already; null for all but a duplicate. */
  readonly duplicateOf: string | null;
  /** Why it is in quarantine; null where it is not. */
  readonly reason: string | null;
  /** An acknowledgement was owed, and queued. */
  readonly acknowledged: boolean;
}
