/** Builds the event of a judged report. */
import type { CodeEntry } from "./code.ts";
import { type DeliveryEvent, EVENT_SCHEMA_ID, type EventData, type EventType, type Reason } from "./event.ts";
import { eventId } from "./event-id.ts";
import { writeText } from "./event-text.ts";
import type { Judgement } from "./interpret.ts";
import { rank } from "./order.ts";
import type { PeerIdentity } from "./peer.ts";
import type { Report, ReportKind } from "./report.ts";
import type { Warning } from "./warning.ts";

/** What an event holds besides the report itself. */
export interface Reception {
  readonly peer: PeerIdentity;
  /** RFC 3339, UTC, milliseconds. */
  readonly receivedAt: string;
  readonly source: string;
  readonly catalogueVersion: string;
}

/** The type of a report's event. */
export const EVENT_TYPES: Readonly<Record<ReportKind, EventType>> = {
  "delivery-report": "mm4d.delivery-report.v1",
  "forward-response": "mm4d.forward-response.v1",
  "read-report": "mm4d.read-report.v1",
};

export function makeEvent(report: Report, judgement: Judgement, reception: Reception): DeliveryEvent {
  const { verdict } = judgement;
  const type = EVENT_TYPES[report.kind];
  const time = reception.receivedAt;
  const data: EventData = {
    messageId: report.messageId,
    transactionId: report.transactionId,
    recipient: report.recipient,
    originator: report.originator,
    requestRecipients: report.requestRecipients,
    outcome: verdict.outcome,
    disposition: verdict.disposition,
    final: verdict.final,
    rank: rank(verdict),
    stage: verdict.stage,
    rejectedBy: verdict.rejectedBy,
    conflict: verdict.conflict,
    reason: judgement.entry === null ? null : reasonOf(judgement.entry, reception.catalogueVersion),
    handledAt: report.handledAt,
    receivedAt: time,
    peer: reception.peer,
    raw: report.raw,
    warnings: withoutRepeats(report.warnings, judgement.warnings),
  };
  const id = eventId({ type, report, judgement, peerName: reception.peer.name });
  const event = envelope(id, reception, type, report.messageId, data);
  writeText(event);
  return event;
}

/** Written out twice, because an object into which another one is spread is slow to make. */
function envelope(
  id: string,
  { source, receivedAt: time }: Reception,
  type: EventType,
  subject: string | null,
  data: EventData,
): DeliveryEvent {
  const datacontenttype = "application/json";
  const dataschema = EVENT_SCHEMA_ID;
  return subject === null
    ? { specversion: "1.0", id, source, type, time, datacontenttype, dataschema, data }
    : { specversion: "1.0", id, source, type, subject, time, datacontenttype, dataschema, data };
}

/** Most reports have no warnings. */
function withoutRepeats(read: readonly Warning[], judged: readonly Warning[]): readonly Warning[] {
  return judged.length === 0 ? read : [...new Set([...read, ...judged])];
}

const reasons = new WeakMap<CodeEntry, Reason>();

/** What a table says, once for each of its entries. Two catalogues of different versions share entries. */
function reasonOf(entry: CodeEntry, catalogueVersion: string): Reason {
  const known = reasons.get(entry);
  if (known?.catalogueVersion === catalogueVersion) return known;
  const reason = makeReason(entry, catalogueVersion);
  reasons.set(entry, reason);
  return reason;
}

function makeReason(entry: CodeEntry, catalogueVersion: string): Reason {
  const { code, name, known, documented, explanation, remedy, fault, reportedBy } = entry;
  const { retryable, maxRetries, suppress, tag, httpCode } = entry;
  return {
    code,
    name,
    known,
    documented,
    explanation,
    remedy,
    fault,
    reportedBy,
    retryable,
    maxRetries,
    suppress,
    tag,
    httpCode,
    catalogueVersion,
  };
}
