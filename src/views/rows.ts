/** Makes rows of what the trace has, also as mm4d 1.0 wrote it. */
import { type EventSummary, type ReportEntry, summaryOf, type TraceEntry } from "../trace/entry.ts";
import { idsOf, type ReceivedNote, type ReportIds, type TraceNote } from "../trace/note.ts";
import type { ReportRow } from "./report-row.ts";

type QueuedNote = Extract<TraceNote, { kind: "queued" }>;

/**
 * The rows of a block's entries, each with the place of its entry; the last entry first. What tells only of a report
 * that has its own entry makes no row, nor does a message that could not be stored: its relay comes again. Null stands
 * for an entry that is left out.
 */
export function rowsIn(
  entries: readonly (TraceEntry | null)[],
): readonly { readonly row: ReportRow; readonly line: number }[] {
  const queued = queuedAlone(entries);
  const rows = entries.flatMap((entry, line) => {
    const row = entry && rowOf(entry, queued);
    return row === null ? [] : [{ row, line }];
  });
  return rows.reverse();
}

/** Of 1.0: notes that tell where an event went which another note has, by the event's id and in order. */
function queuedAlone(entries: readonly (TraceEntry | null)[]): ReadonlyMap<string, QueuedNote[]> {
  const byEvent = new Map<string, QueuedNote[]>();
  for (const entry of entries) {
    if (entry?.kind !== "queued" || entry.event !== null || entry.ids.eventId === null) continue;
    byEvent.set(entry.ids.eventId, [...(byEvent.get(entry.ids.eventId) ?? []), entry]);
  }
  return byEvent;
}

function rowOf(entry: TraceEntry, queued: ReadonlyMap<string, QueuedNote[]>): ReportRow | null {
  switch (entry.kind) {
    case "report":
      return ofReport(entry);
    case "received":
      return ofReceived(entry, queued);
    case "queued":
      // What was replayed from quarantine, or was queued by a process after the one that had received it.
      return entry.event && ofQueued(entry, entry.event);
    default:
      return null;
  }
}

function ofReport({ id, at, peer, fate, ids }: ReportEntry): ReportRow {
  const common = { id, at, peer: peer.name, fate: fate.kind };
  switch (fate.kind) {
    case "queued":
      return { ...common, jobId: id, ...saidBy(fate.event), why: null, ...named(ids) };
    case "duplicate":
      return { ...common, jobId: fate.of, ...saidBy(fate.event), why: null, ...named(ids) };
    case "quarantined":
      return { ...common, ...NOTHING_SAID, why: fate.reason, ...named(ids) };
    case "ignored":
      return { ...common, ...NOTHING_SAID, why: fate.messageType, ...named(ids) };
  }
}

/** A note whose record is told in another block has its event's id in its stead. */
function ofReceived(note: ReceivedNote, queued: ReadonlyMap<string, QueuedNote[]>): ReportRow | null {
  const { at, quarantineId, peer, fate, reply, event, ids } = note;
  const common = { at, peer: peer.name, ...named(ids) };
  if (event !== null) {
    const told = queued.get(event.id)?.shift();
    const became = told && told.duplicateOf !== null ? "duplicate" : "queued";
    const jobId = told ? (told.duplicateOf ?? told.recordId) : null;
    return { ...common, id: told?.recordId ?? event.id, fate: became, jobId, ...saidBy(summaryOf(event)), why: null };
  }
  if (quarantineId !== null) {
    const why = /\(([\w-]+)\)$/.exec(fate ?? "")?.[1] ?? fate;
    return { ...common, id: quarantineId, fate: "quarantined", ...NOTHING_SAID, why };
  }
  if (fate === null || !reply.startsWith("2")) return null;
  const id = ids.messageId ?? ids.transactionId ?? `${note.sessionId} ${at}`;
  return { ...common, id, fate: "ignored", ...NOTHING_SAID, why: fate.split(" ", 1)[0] ?? fate };
}

function ofQueued({ recordId, duplicateOf }: QueuedNote, event: NonNullable<QueuedNote["event"]>): ReportRow {
  const fate = duplicateOf === null ? "queued" : "duplicate";
  const { peer, receivedAt } = event.data;
  const jobId = duplicateOf ?? recordId;
  const said = saidBy(summaryOf(event));
  return { id: recordId, at: receivedAt, peer: peer.name, fate, jobId, ...said, why: null, ...named(idsOf(event)) };
}

function saidBy({ eventId, type, outcome, disposition, code, conflict, warnings }: EventSummary) {
  return { eventId, type, outcome, disposition, code, conflict, warnings };
}

const NOTHING_SAID = {
  jobId: null,
  eventId: null,
  type: null,
  outcome: null,
  disposition: null,
  code: null,
  conflict: false,
  warnings: [],
} as const;

function named({ messageId, transactionId, numbers }: ReportIds) {
  return { messageId, transactionId, numbers };
}
