/** Makes of a report's entries what is shown of it: its notes, and its event, which is read again from the header. */
import { setImmediate as turn } from "node:timers/promises";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import type { Problem } from "../delivery/problem.ts";
import type { Result } from "../result.ts";
import { type EventSummary, type ReportEntry, summaryOf, type TraceEntry } from "./entry.ts";
import { isCut, wholePart } from "./header.ts";
import { NO_IDS, type ReadToday, reportOf, shortened, type TracedReport, type TraceNote } from "./note.ts";
import type { TraceReading } from "./reading.ts";

/**
 * One report out of its entries. `unanswered`: the records whose reply could not be sent. Never throws for what
 * reading does, because a person who looks for a fault may look at the message that shows it.
 */
export async function expanded(
  entries: readonly Exclude<TraceEntry, { kind: "unanswered" }>[],
  unanswered: ReadonlySet<string>,
  reading: TraceReading,
): Promise<Omit<TracedReport, "job">> {
  const notes: TraceNote[] = [];
  let isWhole = false;
  for (const entry of entries) {
    if (entry.kind !== "report") {
      notes.push(entry);
      continue;
    }
    // Reports are received between two of them.
    await turn();
    const event = eventOf(entry, reading);
    // Of one that came a thousand times, the first copy has its event in full.
    notes.push(...notesOf(entry, event && (isWhole || isCut(entry.header) ? shortened(event) : event), unanswered));
    isWhole ||= event !== null;
  }
  const newest = entries.filter((entry) => entry.kind === "report").at(-1);
  const { event, ids, notes: sorted } = reportOf(notes);
  return {
    event,
    said: newest ? saidBy(newest) : event === null ? replayedAs(notes) : null,
    today: newest ? readToday(newest, reading) : null,
    // As they were read: the header may have been cut before them.
    ids: newest?.ids ?? ids,
    notes: sorted,
  };
}

/** As mm4d 1.0 noted a report: that it came, and that it was queued. `event` is what was read again. */
export function notesOf(entry: ReportEntry, event: DeliveryEvent | null, unanswered: ReadonlySet<string>): TraceNote[] {
  const { id, at, sessionId, peer, mailFrom, bytes, tookMs, reply, header, fate, ids } = entry;
  const received: TraceNote = {
    kind: "received",
    at,
    quarantineId: fate.kind === "quarantined" ? id : null,
    sessionId,
    peer,
    mailFrom,
    bytes,
    tookMs,
    reply,
    ...(unanswered.has(id) ? { answered: false } : {}),
    fate: wordsFor(entry),
    header,
    ids,
    event,
  };
  if (fate.kind !== "queued" && fate.kind !== "duplicate") return [received];
  const duplicateOf = fate.kind === "duplicate" ? fate.of : null;
  const queuedIds = { ...NO_IDS, eventId: ids.eventId };
  return [received, { kind: "queued", at: fate.at, recordId: id, duplicateOf, ids: queuedIds, event: null }];
}

/** What became of the message; null when it became an event. */
function wordsFor({ fate, id }: ReportEntry): string | null {
  switch (fate.kind) {
    case "queued":
    case "duplicate":
      return null;
    case "quarantined":
      return `kept in quarantine as ${id} (${fate.reason})`;
    case "ignored":
      return `${fate.messageType} is accepted, and makes no event`;
  }
}

function saidBy({ fate }: ReportEntry): EventSummary | null {
  return "event" in fate ? fate.event : null;
}

/** Of a report of which nothing else is remembered any more. */
function replayedAs(notes: readonly TraceNote[]): EventSummary | null {
  const last = notes.findLast((note) => note.kind === "replayed");
  return last?.kind === "replayed" ? last.summary : null;
}

/** The event that was made: as it is read by the rules of then, and as it is kept in what was decided. */
function eventOf(entry: ReportEntry, reading: TraceReading): DeliveryEvent | null {
  const said = saidBy(entry);
  const read = said && readWith(entry, entry.rules, reading);
  if (said === null || !read || read instanceof Error || !read.ok) return null;
  const { data, ...event } = read.value;
  const { outcome, disposition, final, conflict, warnings } = said;
  const { messageId, transactionId } = entry.ids;
  // What the catalogue says of another code explains nothing here.
  const reason = (data.reason?.code ?? null) === said.code ? data.reason : null;
  const decided = { messageId, transactionId, outcome, disposition, final, conflict, warnings, reason };
  return { ...event, id: said.eventId, type: said.type, data: { ...data, ...decided } };
}

function readToday(entry: ReportEntry, reading: TraceReading): ReadToday | null {
  const said = saidBy(entry);
  if (isCut(entry.header)) return said && { kind: "header-cut" };
  const rules = rulesToday(entry, reading);
  const read = rules instanceof Error ? rules : readWith(entry, rules, reading);
  if (read instanceof Error) return { kind: "fault", detail: read.message };
  if (read.ok) {
    const event = summaryOf(read.value);
    return said !== null && differences(said, event).length === 0 ? null : { kind: "event", event };
  }
  // Without its body, one problem may be taken for another; but none for an event.
  return said && { kind: "no-event", problem: read.error.kind };
}

function rulesToday({ peer, rules }: ReportEntry, reading: TraceReading): PeerRules | Error {
  try {
    return reading.rulesOf(peer.name) ?? rules;
  } catch (cause) {
    return cause as Error;
  }
}

function readWith(
  { header, peer, at, fate }: ReportEntry,
  rules: PeerRules,
  reading: TraceReading,
): Result<DeliveryEvent, Problem> | Error {
  // The empty line behind the header is not kept, and whether there was none is a warning.
  const endless = "event" in fate && fate.event.warnings.includes("no-end-of-header");
  const bytes = Buffer.from(`${wholePart(header)}${endless ? "" : "\r\n\r\n"}`, "latin1");
  try {
    return reading.read({ bytes, peer, rules, receivedAt: new Date(at) });
  } catch (cause) {
    return cause as Error;
  }
}

/** In which of its properties one event differs from another. */
export function differences(one: EventSummary, other: EventSummary): readonly (keyof EventSummary)[] {
  return COMPARED.filter((name) => String(one[name]) !== String(other[name]));
}

/** All but `final`, which follows from the others. */
const COMPARED = ["eventId", "type", "outcome", "disposition", "code", "conflict", "warnings"] as const;
