/**
 * What is remembered of a report on its way from the relay to the queue and back
 * to its MMSC, and how a person is told of it.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { PeerIdentity } from "../delivery/peer.ts";
import { beginningOf } from "../text/beginning.ts";
import { describeEvent } from "../text/describe.ts";
import {
  type Mask,
  maskAllNumbers,
  maskHeader,
  masksByHeader,
  type NumberMasks,
  numberMasks,
  partiesOf,
} from "../text/masking.ts";

/** One stretch of the way. */
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
      readonly tookMs: number;
      /** What we said, or were to say, such as `250 2.0.0 …`. */
      readonly reply: string;
      /** False when it could not be said; absent otherwise, and in notes of 1.0.0. */
      readonly answered?: boolean;
      /** What became of it, besides an event. */
      readonly fate: string | null;
      /** As it came, a character a byte, the first {@link MAX_HEADER_LENGTH}. */
      readonly header: string;
      readonly ids: ReportIds;
      readonly event: DeliveryEvent | null;
    }
  /** Its event was put on the queue, or stood there already. */
  | {
      readonly kind: "queued";
      readonly at: string;
      readonly recordId: string;
      /** The job that stood for it already. */
      readonly duplicateOf: string | null;
      readonly ids: ReportIds;
      /** Null when it stands in another note. */
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
    };

export type AcknowledgementResult = "sent" | "retried" | "failed" | "bounced";

/** By which a report is found again. */
export interface ReportIds {
  readonly eventId: string | null;
  readonly messageId: string | null;
  readonly transactionId: string | null;
  /** Of the recipients, by {@link numberOf}. */
  readonly numbers: readonly string[];
}

export const MAX_HEADER_LENGTH = 4_096;
/** A response may name thousands. */
const MAX_RECIPIENTS = 20;

/** The event as a trace keeps it: of thousands of recipients the first, of long fields the beginning. */
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
  const recipients = [recipient, ...requestRecipients.map(({ party }) => party)].filter((party) => party !== null);
  const numbers = recipients.slice(0, MAX_RECIPIENTS).map(({ number, raw }) => numberOf(number ?? raw));
  return { eventId: event.id, messageId, transactionId, numbers: [...new Set(numbers)] };
}

/**
 * A recipient as it is compared: the digits of a number, however it is written, or
 * an address. A carrier's log has the number with its type, in brackets, or at a host.
 */
export function numberOf(written: string): string {
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

/**
 * What a recipient that is looked for may be remembered as: a carrier's log has the
 * number behind its international prefix, and the event without it (`internationalPrefixes`).
 */
export function numbersSought(written: string): readonly string[] {
  const number = numberOf(written);
  const behind = /^(?:00|011)([1-9]\d{6,14})$/.exec(number)?.[1];
  return behind === undefined ? [number] : [number, behind];
}

/** An id without quotes or angle brackets: relays, echoes and people write them or not. Of a long one the beginning. */
export function bareId(id: string): string {
  const text = id.trimStart();
  let start = 0;
  while (OPENING.has(text[start] ?? "")) start += 1;
  // Cut first: nothing is done with the rest, whatever it is.
  const whole = text.length - start <= BOUNDS.idCompared.value;
  const kept = text.slice(start, start + BOUNDS.idCompared.value);
  if (!whole) return kept;
  const bare = kept.trimEnd();
  let end = bare.length;
  while (end > 0 && CLOSING.has(bare[end - 1] ?? "")) end -= 1;
  return bare.slice(0, end);
}

const OPENING = new Set(['"', "<"]);
const CLOSING = new Set(['"', ">"]);

export function idsOfAcknowledgement({ eventId, messageId, transactionId }: Acknowledgement): ReportIds {
  return { eventId, messageId, transactionId, numbers: [] };
}

/** What a consumer has done with the event by now. */
export interface JobState {
  /** In words; `gone` when the job is no longer kept. */
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly finishedAt: string | null;
}

/** One report: every note about it, oldest first. Those that came twice are one. */
export interface TracedReport {
  /** Null for what made no event. */
  readonly event: DeliveryEvent | null;
  readonly ids: ReportIds;
  readonly notes: readonly TraceNote[];
  /** Null when it was not put on the queue, as far as is remembered. */
  readonly job: JobState | null;
}

export interface Trace {
  /** Oldest first. */
  readonly reports: readonly TracedReport[];
  /** More were found than are told. */
  readonly more: boolean;
}

/** Puts notes together that are about the same report. */
export function reportsOf(notes: readonly TraceNote[]): readonly Omit<TracedReport, "job">[] {
  const reports = new Map<string, TraceNote[]>();
  for (const note of [...notes].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))) {
    const key = keyOf(note);
    const known = reports.get(key);
    if (known) known.push(note);
    else reports.set(key, [note]);
  }
  return [...reports.values()].map((found) => {
    const event = found.map((note) => ("event" in note ? note.event : null)).find((known) => known !== null) ?? null;
    const [first] = found as [TraceNote];
    return { event, ids: event ? idsOf(event) : first.ids, notes: found };
  });
}

function keyOf(note: TraceNote): string {
  const { eventId, messageId, transactionId } = note.ids;
  if (eventId !== null) return eventId;
  if (messageId !== null || transactionId !== null) {
    return `${bareId(messageId ?? "")} ${bareId(transactionId ?? "")}`;
  }
  return note.kind === "received" ? `${note.at} ${note.sessionId}` : note.at;
}

/** A report in words. */
export interface ToldReport {
  /** What it says, and its names. */
  readonly headline: readonly string[];
  /** Its way, a time each; the last one is "now" where there is a job. */
  readonly steps: readonly { readonly at: string; readonly text: string }[];
}

export function tellReport(report: TracedReport, numbers: "masked" | "full"): ToldReport {
  const { event, ids, notes, job } = report;
  const mask = masksOf(report);
  const shown: Shown =
    numbers === "full"
      ? { line: (line) => line, id: (id) => beginningOf(id), text: (text) => beginningOf(text) }
      : {
          // Of a recipient and of an originator, who come first, the numbers are always known.
          line: mask.id,
          id: (id) => mask.id(beginningOf(id)),
          // Where its parties are not known for certain, what is no id may hold their numbers.
          text: (text) => mask.text(event ? beginningOf(text) : maskAllNumbers(beginningOf(text))),
        };
  return {
    headline: headline(event, ids, shown),
    steps: [
      ...notes.map((note) => ({ at: note.at, text: describeNote(note, shown) })),
      ...(job === null ? [] : [{ at: "now", text: shown.text(describeJob(job)) }]),
    ],
  };
}

/** By its event, or else by what its header says of parties. */
function masksOf({ event, notes }: TracedReport): NumberMasks {
  if (event) return numberMasks(partiesOf(event));
  return masksByHeader(notes.flatMap((note) => (note.kind === "received" ? [note.header] : [])).at(-1) ?? "");
}

/** The header of the message as it came last, if that is remembered. */
export function headerOf({ event, notes }: TracedReport, numbers: "masked" | "full"): string | null {
  const header = notes.flatMap((note) => (note.kind === "received" ? [note.header] : [])).at(-1);
  if (header === undefined) return null;
  const whole = Buffer.from(header, "latin1").toString();
  // What was kept of a long one may end within a number.
  const text = header.length < MAX_HEADER_LENGTH ? whole : beginningOf(whole, whole.length - 1);
  return numbers === "full" ? text : maskHeader(text, event ? partiesOf(event) : []);
}

/** Makes what a peer wrote fit to be shown. What is ours needs no mask. */
interface Shown {
  /** Of what is short. */
  readonly line: Mask;
  readonly id: Mask;
  readonly text: Mask;
}

function headline(
  event: DeliveryEvent | null,
  { messageId, transactionId }: ReportIds,
  shown: Shown,
): readonly string[] {
  const transaction = `transaction ${shown.id(transactionId ?? "without id")}`;
  if (event) return [...describeEvent(event).map(shown.line), `  ${transaction}, event ${event.id}`];
  return ["No event", `  message ${shown.id(messageId ?? "without id")}, ${transaction}`];
}

function describeNote(note: TraceNote, shown: Shown): string {
  switch (note.kind) {
    case "received": {
      const { peer, sessionId, mailFrom, bytes, tookMs, reply, answered = true, fate } = note;
      const tls = peer.tls === null ? "" : ` with ${peer.tls.protocol}`;
      const became = fate === null ? "" : `; ${fate}`;
      const said = answered
        ? `answered "${reply}" after ${tookMs.toFixed(1)} ms`
        : `could not be answered "${reply}": the connection was closed`;
      return `received from ${peer.name} (${peer.address})${tls} in session ${sessionId}, MAIL FROM:<${shown.text(mailFrom)}>, ${bytes} bytes; ${said}${became}`;
    }
    case "queued":
      return note.duplicateOf === null
        ? `put on the queue as job ${note.recordId}`
        : `not queued again: it is a duplicate of job ${note.duplicateOf}`;
    case "acknowledgement":
      return `acknowledgement ${ACKNOWLEDGED[note.result]}: ${shown.text(note.detail)}`;
  }
}

const ACKNOWLEDGED = {
  sent: "sent",
  retried: "not taken, tried again later",
  failed: "not taken, given up",
  bounced: "came back",
} as const;

function describeJob({ state, attempts, error, finishedAt }: JobState): string {
  if (state === "gone") return "the job is no longer kept: it was consumed, or removed";
  const tried = attempts === 0 ? "" : ` after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  const when = finishedAt === null ? "" : ` at ${finishedAt}`;
  return `the job is ${state}${tried}${when}${error === null ? "" : `: ${error}`}`;
}
