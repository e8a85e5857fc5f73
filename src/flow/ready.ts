/** A record of the journal, read: what is put on the queue for it. */
import type { ReadMessage } from "../delivery/fate.ts";
import type { JournalRecord, ReadRecord, SaidRecord } from "../journal/record.ts";
import { type Acknowledging, leftUnread, type ReadingRules, readSaid } from "./read.ts";

export interface Ready {
  /** As it is stored. */
  readonly record: JournalRecord;
  /** Null for what was read before it was stored, and for a bounce. */
  readonly read: ReadMessage | null;
  /** Null when nothing is put on a queue for it. */
  readonly job: ReadRecord | null;
}

/** Reads a record. Never throws. `ends`: how often reading it may have ended the process. */
export type ReadRecords = (record: JournalRecord, ends: number) => Ready;

export interface ReadingOptions {
  readonly reading: () => ReadingRules;
  readonly acknowledging: Acknowledging;
}

/** A record that may have ended the process so often is not read any more. */
export const MOST_ENDS = 3;

export function createReadRecords({ reading, acknowledging }: ReadingOptions): ReadRecords {
  return (record, ends) => {
    // It is read when it is tied.
    if (record.kind === "bounce" && ends >= MOST_ENDS)
      return { record, read: null, job: { ...record, message: { ...record.message, ends } } };
    if (record.kind !== "message") return { record, read: null, job: record };
    const { message } = record;
    const read = ends >= MOST_ENDS ? leftUnread(message, ends) : readSaid(message, reading(), acknowledging);
    return { record, read, job: jobOf(record, read) };
  };
}

/** What mm4d 1.0.0 stored in its place. Null when nothing needs to be done. */
export function jobOf({ id }: SaidRecord, { finding }: ReadMessage): ReadRecord | null {
  const acknowledgement = finding.owed.state === "owed" ? { acknowledgement: finding.owed.acknowledgement } : null;
  switch (finding.kind) {
    case "event":
      return { id, kind: "event", event: finding.event, ...acknowledgement };
    case "quarantine":
      return { id, kind: "quarantine", message: finding.message, ...acknowledgement };
    case "ignored":
      return acknowledgement && { id, kind: "acknowledgement", ...acknowledgement };
  }
}
