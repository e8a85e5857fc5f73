/**
 * What an archived record says: read with the reader and the catalogue of today, by the rules of then; beside it what
 * became of it then. `mm4d archive`, a replay, the trace and the page all go by it.
 */
import type { DeliveryEvent, EventType } from "../delivery/event.ts";
import type { ReadMessage } from "../delivery/fate.ts";
import type { Disposition, Outcome } from "../delivery/verdict.ts";
import type { Ready } from "../flow/ready.ts";
import { type JournalRecord, peerOf } from "../journal/record.ts";
import type { ArchivedRecord } from "./archived.ts";
import { receivedAtIn } from "./received.ts";

/** One message as it was received, as it is read today, and what became of it. */
export interface ArchivedReport extends ArchivedRecord {
  /** When it was received: RFC 3339, UTC. */
  readonly receivedAt: string;
  readonly peer: string;
  /** What today's reader makes of what was said; null for a bounce, and for what mm4d 1.0.0 read before it stored it. */
  readonly read: ReadMessage | null;
  /** What would be put on a queue for it today; null for nothing. */
  readonly job: Ready["job"];
  /** Today's event, under today's id; null where none is made. */
  readonly event: DeliveryEvent | null;
  /** The event's id of then; where it is not known, or there was no event, today's; null without either. */
  readonly eventId: string | null;
}

/** Reads a record with this version, by the rules in it. It never throws. */
export type ReadRecord = (record: JournalRecord) => Ready;

/** Reads one. Never throws but for what `read` does. */
export function readReport(archived: ArchivedRecord, read: ReadRecord): ArchivedReport {
  const { record, became } = archived;
  const { read: message, job } = read(record);
  const event = job?.kind === "event" ? job.event : null;
  return {
    ...archived,
    receivedAt: receivedAtIn(record),
    peer: peerOf(record),
    read: message,
    job,
    event,
    eventId: became?.eventId ?? event?.id ?? null,
  };
}

/** Which reports somebody asks for. What is null leaves nothing out. */
export interface ArchiveFilter {
  /** Received then or later, and before `untilMs`: in milliseconds since 1970. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  readonly peer: string | null;
  /** Of today's event, as all that follow: with one of them, what makes no event is left out. */
  readonly type: EventType | null;
  readonly outcome: Outcome | null;
  readonly disposition: Disposition | null;
  /** Also as it is said over HTTP, such as 4470 for 470; `none`: events without a code. */
  readonly code: number | "none" | null;
  readonly messageId: string | null;
}

/** Leaves nothing out. */
export const EVERY_REPORT: ArchiveFilter = {
  sinceMs: null,
  untilMs: null,
  peer: null,
  type: null,
  outcome: null,
  disposition: null,
  code: null,
  messageId: null,
};

/**
 * Reads records, and gives the reports that are asked for, in the order of the records. The window of time is
 * `readArchive`'s, which need not open what lies outside of it.
 */
export async function* reportsOf(
  records: AsyncIterable<ArchivedRecord>,
  filter: ArchiveFilter,
  read: ReadRecord,
): AsyncGenerator<ArchivedReport> {
  for await (const archived of records) {
    // Asked first, because reading takes longer than all else.
    if (filter.peer !== null && peerOf(archived.record) !== filter.peer) continue;
    const report = readReport(archived, read);
    if (isWanted(report, filter)) yield report;
  }
}

function isWanted({ event }: ArchivedReport, filter: ArchiveFilter): boolean {
  const { type, outcome, disposition, code, messageId } = filter;
  if ([type, outcome, disposition, code, messageId].every((part) => part === null)) return true;
  if (event === null) return false;
  const { data } = event;
  return (
    (type === null || event.type === type) &&
    (outcome === null || data.outcome === outcome) &&
    (disposition === null || data.disposition === disposition) &&
    (code === null || isCode(data.reason, code)) &&
    (messageId === null || data.messageId === messageId)
  );
}

function isCode(reason: DeliveryEvent["data"]["reason"], code: number | "none"): boolean {
  return code === "none" ? reason === null : reason?.code === code || reason?.httpCode === code;
}
