/** What the archive has of a report, as the trace would tell it: for what the trace has forgotten. */
import type { ArchivedReport, ArchiveFilter } from "../archive/read-report.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Fate } from "../delivery/fate.ts";
import type { TraceEntry } from "./entry.ts";
import { entryOf, laterNote, type TraceRecorder } from "./fate-note.ts";
import { headerIn } from "./header.ts";
import { bareId, idsOf, NO_IDS, numbersSought, type ReportIds } from "./note.ts";

/**
 * The entry of an archived report; null for a bounce, and for what mm4d 1.0.0 stored that made no event. Of what its
 * event said the archive has the id and the outcome: all else is as it is read today.
 */
export function archivedEntry(report: ArchivedReport, replyTo: TraceRecorder["replyTo"]): TraceEntry | null {
  const { became, read } = report;
  const fate = fateIn(report);
  if (fate === null || became === null) return receivedOnly(report, replyTo);
  if (read === null) return laterNote(fate, became.at);
  return entryOf(fate, read, became.at, { took: null, replyTo });
}

/** Whether a report has this id or this number, as a person writes it. */
export function isNamed({ record, became, eventId, event, read }: ArchivedReport, wanted: string): boolean {
  const id = bareId(wanted);
  const ids: ReportIds = event ? idsOf(event) : { ...NO_IDS, ...read?.ids };
  return (
    [record.id, became?.duplicateOf, eventId, ids.eventId, ids.messageId, ids.transactionId].some(
      (one) => typeof one === "string" && bareId(one) === id,
    ) || numbersSought(wanted).some((number) => ids.numbers.includes(number))
  );
}

/** What is looked for in the archive by an id or a number: what waits is not worked off, and the journal tells of it. */
export function soughtBy(wanted: string): {
  readonly mayBe: (bytes: Buffer) => boolean;
  readonly isWanted: (report: ArchivedReport) => boolean;
} {
  return { mayBe: mayBeNamed(wanted), isWanted: (report) => isDone(report) && isNamed(report, wanted) };
}

/** Whether it is worked off: what became of it is written down before the journal's cursor tells. */
function isDone({ became, at }: ArchivedReport): boolean {
  return became !== null || at !== "waiting";
}

/**
 * Says of the bytes of an archived record whether it may have this id or number, so that hardly another one is read.
 * An id stands there as it was said, unless a fold is within it; of a number its last four digits stand together, and the
 * three before them: also with a country's prefix, and with blanks between.
 */
export function mayBeNamed(wanted: string): (bytes: Buffer) => boolean {
  const id = bareId(wanted);
  const numbers = numbersSought(wanted);
  const isNumber = numbers.every((number) => /^\d{4,}$/.test(number));
  const words = isNumber ? groupsOf(numbers[0] ?? "") : [id];
  // Other characters are written in several ways.
  if (words.some((word) => !/^[\x20-\x7e]+$/.test(word) || /["\\]/.test(word))) return () => true;
  const sought = words.map((word) => Buffer.from(word));
  return (bytes) =>
    sought.every((word) => bytes.includes(word)) ||
    // What became of it is not known, and so neither is the id of its event.
    bytes.includes(UNKNOWN, bytes.length - UNKNOWN.length) ||
    hasFoldedId(bytes.toString("latin1"));
}

/** The same for a filter, by its peer and its message id. */
export function mayFit({ peer, messageId }: Pick<ArchiveFilter, "peer" | "messageId">): (bytes: Buffer) => boolean {
  const name = peer === null ? null : Buffer.from(JSON.stringify(peer));
  const mayBe = messageId === null ? null : mayBeNamed(messageId);
  return (bytes) => (name === null || bytes.includes(name)) && (mayBe === null || mayBe(bytes));
}

/** The last digits of a number, in the groups between which people and relays write something, if anywhere. */
function groupsOf(number: string): readonly string[] {
  const [last, before] = [number.slice(-4), number.slice(-7, -4)];
  return before.length === 3 ? [last, before] : [last];
}

const UNKNOWN = Buffer.from('"became":null}');
/** Whether a line has a field whose name ends in "id", and goes on in the next one: its id stands there in two pieces. */
function hasFoldedId(json: string): boolean {
  const lines = json.split("\\n");
  return lines.some((line, index) => /id:/i.test(line) && /^(?: |\\t)/.test(lines[index + 1] ?? ""));
}

/** What became of it, with its event of today under the id and the outcome of then. Null where that is not known. */
function fateIn({ record: { id }, became, event, job, read }: ArchivedReport): Fate | null {
  switch (became?.kind) {
    case "queued":
      return event && { kind: "queued", id, read, event: asThen(event, became) };
    case "duplicate":
      return (
        event && { kind: "duplicate", id, read, event: asThen(event, became), duplicateOf: became.duplicateOf ?? "" }
      );
    case "quarantined":
      return job?.kind === "quarantine" ? { kind: "quarantined", id, read, message: job.message } : null;
    case "ignored":
      return { kind: "ignored", id, read };
    case "bounce":
    case undefined:
      return null;
  }
}

function asThen(event: DeliveryEvent, { eventId, outcome }: NonNullable<ArchivedReport["became"]>): DeliveryEvent {
  return { ...event, id: eventId ?? event.id, data: { ...event.data, outcome: outcome ?? event.data.outcome } };
}

/** That it came: what became of it is not known, or is not what this version would make of it. */
function receivedOnly(
  { receivedAt, became, read, event, eventId }: ArchivedReport,
  replyTo: TraceRecorder["replyTo"],
): TraceEntry | null {
  if (read === null) return null;
  const { sessionId, peer, mailFrom, bytes, recognised, said } = read.said;
  const { code, text } = replyTo(recognised);
  const ids = event ? idsOf(event) : { ...NO_IDS, ...read.ids };
  return {
    kind: "received",
    at: receivedAt,
    quarantineId: null,
    sessionId,
    peer,
    mailFrom,
    bytes,
    tookMs: null,
    reply: `${code} ${text}`,
    fate:
      became === null ? "what became of it is not known" : `${became.kind} then, which this version reads otherwise`,
    header: headerIn(said),
    ids: { ...ids, eventId },
    event: event && { ...event, id: eventId ?? event.id },
  };
}
