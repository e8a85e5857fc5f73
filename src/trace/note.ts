/** What is remembered about a report on its way from the relay to the queue, and of its acknowledgement. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Party } from "../delivery/party.ts";
import type { PeerIdentity } from "../delivery/peer.ts";
import type { Problem } from "../delivery/problem.ts";
import { beginningOf } from "../text/beginning.ts";
import type { EventSummary } from "./entry.ts";

/** One step of the way. */
export type TraceNote =
  /** A message came, and was answered, or could not be. */
  | {
      readonly kind: "received";
      /** RFC 3339, UTC, as all times here. */
      readonly at: string;
      /** Its place in quarantine; null for what is not there. */
      readonly quarantineId: string | null;
      readonly sessionId: string;
      readonly peer: PeerIdentity;
      readonly mailFrom: string;
      readonly bytes: number;
      /** Null when it is not known any more. */
      readonly tookMs: number | null;
      /** Our reply, such as `250 2.0.0 …`, whether it could be sent or not. */
      readonly reply: string;
      /** False when the reply could not be sent; absent otherwise, and in notes of 1.0.0. */
      readonly answered?: boolean;
      /** What became of the message, in words; null when it became an event. */
      readonly fate: string | null;
      /** As it came, one character for each byte, {@link MAX_HEADER_LENGTH} of them at most. */
      readonly header: string;
      readonly ids: ReportIds;
      readonly event: DeliveryEvent | null;
    }
  /** Its event was put on the queue, or was there already. */
  | {
      readonly kind: "queued";
      readonly at: string;
      readonly recordId: string;
      /** The job that was there for it already. */
      readonly duplicateOf: string | null;
      readonly ids: ReportIds;
      /** Null when another note has it. */
      readonly event: DeliveryEvent | null;
    }
  /** Its acknowledgement was tried, or came back. */
  | {
      readonly kind: "acknowledgement";
      readonly at: string;
      readonly id: string;
      readonly result: AcknowledgementResult;
      /** The MMSC's words, or why it could not be asked. */
      readonly detail: string;
      readonly ids: ReportIds;
    }
  /** Its event was published again, out of the archive. */
  | {
      readonly kind: "replayed";
      readonly at: string;
      /** The replay's name. */
      readonly name: string;
      /** Who ran it. */
      readonly by: string;
      readonly queue: string;
      readonly recordId: string;
      readonly ids: ReportIds;
      /** As it was read then. */
      readonly summary: EventSummary;
    };

export type ReceivedNote = Extract<TraceNote, { kind: "received" }>;

export type AcknowledgementResult = "sent" | "retried" | "failed" | "bounced";

/** The names by which a report is found again. */
export interface ReportIds {
  readonly eventId: string | null;
  readonly messageId: string | null;
  readonly transactionId: string | null;
  /** The recipients' numbers, in the form of {@link numberOf}. */
  readonly numbers: readonly string[];
}

export const MAX_HEADER_LENGTH = 4_096;
/** A response may name thousands of recipients. */
const MAX_RECIPIENTS = 20;

/** The event as a trace keeps it: the first of thousands of recipients, and the beginning of long fields. */
export function shortened(event: DeliveryEvent): DeliveryEvent {
  const { requestRecipients, raw } = event.data;
  const cut = (text: string | null): string | null => text && beginningOf(text);
  const fields = Object.entries(raw).slice(0, MAX_RECIPIENTS * 2);
  return {
    ...event,
    data: {
      ...event.data,
      requestRecipients: requestRecipients.slice(0, MAX_RECIPIENTS),
      raw: Object.fromEntries(fields.map(([name, text]) => [name, cut(text)])) as DeliveryEvent["data"]["raw"],
    },
  };
}

export function idsOf(event: DeliveryEvent): ReportIds {
  const { messageId, transactionId, recipient, requestRecipients } = event.data;
  return { eventId: event.id, messageId, transactionId, numbers: numbersOf(recipient, requestRecipients) };
}

function numbersOf(
  recipient: Party | null,
  requestRecipients: DeliveryEvent["data"]["requestRecipients"],
): readonly string[] {
  // As nearly all are.
  if (requestRecipients.length === 0) return recipient === null ? [] : [numberOfParty(recipient)];
  const recipients = [recipient, ...requestRecipients.map(({ party }) => party)].filter((party) => party !== null);
  return [...new Set(recipients.slice(0, MAX_RECIPIENTS).map(numberOfParty))];
}

function numberOfParty({ number, raw }: Party): string {
  return numberOf(number ?? raw);
}

/**
 * A recipient in the form in which it is compared: the digits of a number, however it is written, or
 * an address. In a carrier's log a number may have its type, angle brackets or a host with it.
 */
export function numberOf(written: string): string {
  if (NUMBER_ALONE.test(written)) return written.startsWith("+") ? written.slice(1) : written;
  const text = written.slice(0, BOUNDS.idCompared.value).trim();
  const open = text.endsWith(">") ? text.lastIndexOf("<") : -1;
  const spec = (open === -1 ? text : text.slice(open + 1, -1)).replace(/^"|"$/g, "");
  const type = spec.search(/\/TYPE=PLMN/i);
  const at = spec.indexOf("@");
  const end = type === -1 ? at : type;
  const user = (end === -1 ? spec : spec.slice(0, end))
    .trim()
    .replace(/^(?:tel:|%2b|")+/i, "")
    .replace(/"$/, "");
  return /^\+?[\d\s().-]+$/.test(user) && /\d/.test(user) ? user.replace(/\D/g, "") : text.toLowerCase();
}

/** As an event has it. A number has 15 digits at most. */
const NUMBER_ALONE = /^\+?\d{1,15}$/;

/**
 * The forms in which a recipient may be remembered that a person looks for. A carrier's log may have the
 * number with its international prefix, and the event has it without (`internationalPrefixes`).
 */
export function numbersSought(written: string): readonly string[] {
  const number = numberOf(written);
  const behind = /^(?:00|011)([1-9]\d{6,14})$/.exec(number)?.[1];
  return behind === undefined ? [number] : [number, behind];
}

/** An id without quotes or angle brackets, because relays, echoes and people write them or not. A long one is cut. */
export function bareId(id: string): string {
  if (isBare(id)) return id;
  const text = id.trimStart();
  let start = 0;
  while (OPENING.has(text[start] ?? "")) start += 1;
  // Cut first, so that a long id costs nothing, whatever is in it.
  const whole = text.length - start <= BOUNDS.idCompared.value;
  const kept = text.slice(start, start + BOUNDS.idCompared.value);
  if (!whole) return kept;
  const bare = kept.trimEnd();
  let end = bare.length;
  while (end > 0 && CLOSING.has(bare[end - 1] ?? "")) end -= 1;
  return bare.slice(0, end);
}

/** As nearly all are: it is not long, and has neither end in blanks, quotes or brackets. */
function isBare(id: string): boolean {
  return id.length <= BOUNDS.idCompared.value && isInner(id.charCodeAt(0)) && isInner(id.charCodeAt(id.length - 1));
}

/** Visible ASCII, but for `!"<>`. */
function isInner(code: number): boolean {
  return code > 0x22 && code < 0x7f && code !== 0x3c && code !== 0x3e;
}

const OPENING = new Set(['"', "<"]);
const CLOSING = new Set(['"', ">"]);

export function idsOfAcknowledgement({ eventId, messageId, transactionId }: Acknowledgement): ReportIds {
  return { eventId, messageId, transactionId, numbers: [] };
}

/** What a consumer has done with the event so far. */
export interface JobState {
  /** In words; `gone` when the job is no longer kept. */
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly finishedAt: string | null;
}

/** One report: every note about it, oldest first. A report that came twice is one report. */
export interface TracedReport {
  /** Null for a message that made no event, and for one whose header this version cannot read. */
  readonly event: DeliveryEvent | null;
  /** What its event said when it was made; null without one, and for what 1.0.0 wrote. */
  readonly said: EventSummary | null;
  /** What this version reads otherwise, from the header that came last; null for nothing. */
  readonly today: ReadToday | null;
  readonly ids: ReportIds;
  readonly notes: readonly TraceNote[];
  /** Null when no note says that it was put on the queue. */
  readonly job: JobState | null;
}

/** What this version makes of a header, with its catalogue and the rules that its peer has now. */
export type ReadToday =
  | { readonly kind: "event"; readonly event: EventSummary }
  | { readonly kind: "no-event"; readonly problem: Problem["kind"] }
  /** It is longer than what is kept of it, and so not compared. */
  | { readonly kind: "header-cut" }
  /** A fault of ours. */
  | { readonly kind: "fault"; readonly detail: string };

export interface Trace {
  /** Oldest first. */
  readonly reports: readonly TracedReport[];
  /** Whether more reports were found than these. */
  readonly more: boolean;
}

/** One report out of its notes. */
export function reportOf(notes: readonly TraceNote[]): Pick<TracedReport, "event" | "ids" | "notes"> {
  const sorted = oldestFirst(notes);
  const event = sorted.map((note) => ("event" in note ? note.event : null)).find((known) => known !== null) ?? null;
  return { event, ids: event ? idsOf(event) : (sorted[0]?.ids ?? NO_IDS), notes: sorted };
}

export const NO_IDS: ReportIds = { eventId: null, messageId: null, transactionId: null, numbers: [] };

/** What is sorted by report: notes, and the entries from which they are made. */
interface Dated {
  readonly at: string;
  readonly ids: ReportIds;
  readonly sessionId?: string;
}

/** Groups by the report that they are about, the oldest first. */
export function byReport<T extends Dated>(entries: readonly T[]): readonly (readonly T[])[] {
  const reports = new Map<string, T[]>();
  for (const entry of oldestFirst(entries)) {
    const key = keyOf(entry);
    const known = reports.get(key);
    if (known) known.push(entry);
    else reports.set(key, [entry]);
  }
  return [...reports.values()];
}

function oldestFirst<T extends Pick<Dated, "at">>(entries: readonly T[]): readonly T[] {
  return [...entries].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

function keyOf({ ids: { eventId, messageId, transactionId }, at, sessionId }: Dated): string {
  if (eventId !== null) return eventId;
  if (messageId !== null || transactionId !== null) {
    return `${bareId(messageId ?? "")} ${bareId(transactionId ?? "")}`;
  }
  return sessionId === undefined ? at : `${at} ${sessionId}`;
}
