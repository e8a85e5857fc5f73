/**
 * What the trace keeps: of a report one entry, with what was said and what became of it. The event is not kept,
 * because reading the header gives it again (expand.ts), and it is three times as long.
 */
import type { DeliveryEvent, EventType } from "../delivery/event.ts";
import { quoted } from "../delivery/event-text.ts";
import { type PeerIdentity, withNulls } from "../delivery/peer.ts";
import { ORDINARY_PEER, type PeerRules, unusualIn } from "../delivery/peer-rules.ts";
import type { QuarantineReason } from "../delivery/quarantined.ts";
import type { Disposition, Outcome } from "../delivery/verdict.ts";
import type { Warning } from "../delivery/warning.ts";
import type { ReportIds, TraceNote } from "./note.ts";

/** What is written of a report, or of what happened to it later. */
export type TraceEntry = ReportEntry | UnansweredEntry | TraceNote;

/** A report that was answered 250. */
export interface ReportEntry {
  readonly kind: "report";
  /** When it was received: RFC 3339, UTC, as all times here. */
  readonly at: string;
  /** Of its record, and so of its job, or its place in quarantine. */
  readonly id: string;
  readonly sessionId: string;
  readonly peer: PeerIdentity;
  /** By which it was read. */
  readonly rules: PeerRules;
  readonly mailFrom: string;
  readonly bytes: number;
  /** Null when it is not known: the process was started anew meanwhile, or ten thousand others came. */
  readonly tookMs: number | null;
  readonly reply: string;
  /** As it came, one character for each byte, `MAX_HEADER_LENGTH` of them at most. */
  readonly header: string;
  readonly fate: EntryFate;
  readonly ids: ReportIds;
}

export type EntryFate =
  | { readonly kind: "queued"; readonly at: string; readonly event: EventSummary }
  /** `of`: the job that stood for its event already. */
  | { readonly kind: "duplicate"; readonly at: string; readonly of: string; readonly event: EventSummary }
  | { readonly kind: "quarantined"; readonly reason: QuarantineReason }
  | { readonly kind: "ignored"; readonly messageType: string };

/** What an event said, in short. */
export interface EventSummary {
  readonly eventId: string;
  readonly type: EventType;
  readonly outcome: Outcome;
  readonly disposition: Disposition;
  readonly final: boolean;
  /** Null when the report has none that is a number. */
  readonly code: number | null;
  readonly conflict: boolean;
  readonly warnings: readonly Warning[];
}

export function summaryOf({ id, type, data }: DeliveryEvent): EventSummary {
  const { outcome, disposition, final, reason, conflict, warnings } = data;
  return { eventId: id, type, outcome, disposition, final, code: reason?.code ?? null, conflict, warnings };
}

/** Its 250 could not be sent. By itself, because that is known before or after what became of it. */
export interface UnansweredEntry {
  readonly kind: "unanswered";
  readonly at: string;
  /** Of the {@link ReportEntry}. */
  readonly id: string;
  readonly ids: ReportIds;
}

/** A report's entry as it is written: whatever is null or ordinary is left out, because most of every entry would be that. */
interface Written extends Omit<ReportEntry, "peer" | "rules" | "tookMs" | "fate" | "ids"> {
  readonly peer: Partial<PeerIdentity>;
  readonly rules?: Partial<PeerRules>;
  readonly tookMs?: number;
  readonly fate: WrittenFate;
  readonly ids: Partial<ReportIds>;
}

/** Without the event's id, which is one of the entry's ids. */
type WrittenFate =
  | Extract<EntryFate, { kind: "quarantined" | "ignored" }>
  | (Omit<Extract<EntryFate, { kind: "queued" }>, "event"> & { readonly event: WrittenSummary })
  | (Omit<Extract<EntryFate, { kind: "duplicate" }>, "event"> & { readonly event: WrittenSummary });

type WrittenSummary = Pick<EventSummary, "type" | "outcome" | "disposition"> & Partial<EventSummary>;

/**
 * One line of JSON, with this in the place of its header. It is put together by hand because each report waits for its
 * own, and JSON.stringify takes twice as long for so many short texts.
 */
export function lineOf(entry: ReportEntry, header: string | number = JSON.stringify(entry.header)): string {
  const { peer, tookMs, fate, ids } = entry;
  const rules = unusualIn(entry.rules);
  return (
    `{"header":${header},"kind":"report","at":${quoted(entry.at)},"id":${quoted(entry.id)},"sessionId":${quoted(entry.sessionId)}` +
    `,"mailFrom":${quoted(entry.mailFrom)},"bytes":${entry.bytes},"reply":${quoted(entry.reply)}` +
    `,"peer":${peerText(peer)}` +
    (rules === null ? "" : `,"rules":${JSON.stringify(rules)}`) +
    (tookMs === null ? "" : `,"tookMs":${Math.round(tookMs * 10) / 10}`) +
    `,"fate":${fateText(fate)},"ids":${idsText(ids)}}`
  );
}

function peerText({ name, address, helo, tls, user }: PeerIdentity): string {
  return (
    `{"name":${quoted(name)},"address":${quoted(address)}` +
    (helo === null ? "" : `,"helo":${quoted(helo)}`) +
    (tls === null ? "" : `,"tls":${JSON.stringify(tls)}`) +
    (user === null ? "}" : `,"user":${quoted(user)}}`)
  );
}

function fateText(fate: EntryFate): string {
  switch (fate.kind) {
    case "queued":
      return `{"kind":"queued","at":"${fate.at}","event":${summaryText(fate.event)}}`;
    case "duplicate":
      return `{"kind":"duplicate","at":"${fate.at}","of":${quoted(fate.of)},"event":${summaryText(fate.event)}}`;
    case "quarantined":
    case "ignored":
      return JSON.stringify(fate);
  }
}

function summaryText({ type, outcome, disposition, final, code, conflict, warnings }: EventSummary): string {
  return (
    `{"type":"${type}","outcome":"${outcome}","disposition":"${disposition}"` +
    (final ? "" : `,"final":false`) +
    (code === null ? "" : `,"code":${code}`) +
    (conflict ? `,"conflict":true` : "") +
    (warnings.length === 0 ? "}" : `,"warnings":${JSON.stringify(warnings)}}`)
  );
}

function idsText({ eventId, messageId, transactionId, numbers }: ReportIds): string {
  const [number] = numbers;
  return (
    (numbers.length === 1 && number !== undefined
      ? `{"numbers":[${quoted(number)}]`
      : `{"numbers":${JSON.stringify(numbers)}`) +
    (eventId === null ? "" : `,"eventId":${quoted(eventId)}`) +
    (messageId === null ? "" : `,"messageId":${quoted(messageId)}`) +
    (transactionId === null ? "}" : `,"transactionId":${quoted(transactionId)}}`)
  );
}

/** Reads a line of a block, whatever stands there. */
export function entryIn(line: string): TraceEntry {
  const entry = JSON.parse(line) as Written | UnansweredEntry | TraceNote;
  if (entry.kind !== "report") return entry;
  const { peer, rules, tookMs, fate, ids, ...same } = entry;
  const allIds = { eventId: null, messageId: null, transactionId: null, numbers: [], ...ids };
  return {
    ...same,
    peer: withNulls(peer),
    rules: { ...ORDINARY_PEER, ...rules },
    tookMs: tookMs ?? null,
    fate: wholeFate(fate, allIds.eventId ?? ""),
    ids: allIds,
  };
}

/** The same; null for a line that cannot be read, because one that is damaged must not hide all others. */
export function entryOrNull(line: string): TraceEntry | null {
  try {
    return entryIn(line);
  } catch {
    return null;
  }
}

function wholeFate(fate: WrittenFate, eventId: string): EntryFate {
  if (!("event" in fate)) return fate;
  const event = { final: true, code: null, conflict: false, warnings: [], ...fate.event, eventId };
  return fate.kind === "queued" ? { ...fate, event } : { ...fate, event };
}
