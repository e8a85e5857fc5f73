/** Puts what is remembered about a report into words for a person. */
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOf } from "../text/beginning.ts";
import { describeEvent } from "../text/describe.ts";
import { maskHeader, masksByHeader } from "../text/mask-header.ts";
import { type Mask, maskAllNumbers, type Numbered, type NumberMasks, numberMasks, partiesOf } from "../text/masking.ts";
import type { EventSummary } from "./entry.ts";
import { differences } from "./expand.ts";
import { isCut } from "./header.ts";
import { type JobState, MAX_HEADER_LENGTH, type TracedReport, type TraceNote } from "./note.ts";

/** A report in words. */
export interface ToldReport {
  /** What the report says, and its ids. */
  readonly headline: readonly string[];
  /** What this version would make of it, where that is not what happened; these lines end the headline too. */
  readonly today: readonly string[];
  /** Its way, each step with its time; the last one is "now" where there is a job. */
  readonly steps: readonly ToldStep[];
}

/** A step of a report's way. */
export interface ToldStep {
  readonly at: string;
  readonly text: string;
  /** What the text says of the job, in parts: for who shows times in another way. */
  readonly job?: ToldJob;
}

/** What has become of a job. */
export interface ToldJob {
  readonly says: string;
  /** RFC 3339, UTC. */
  readonly endedAt: string | null;
  readonly error: string | null;
}

export function tellReport(report: TracedReport, numbers: "masked" | "full"): ToldReport {
  const { event, notes, job } = report;
  const mask = masksOf(report);
  const shown: Shown =
    numbers === "full"
      ? { line: (line) => line, id: (id) => beginningOf(id), text: (text) => beginningOf(text) }
      : {
          // The lines name recipient and originator, whose numbers are always known.
          line: mask.id,
          id: (id) => mask.id(beginningOf(id)),
          // Without an event the parties are not known for certain, and any text but an id may hold their numbers.
          text: (text) => mask.text(event ? beginningOf(text) : maskAllNumbers(beginningOf(text))),
        };
  const today = readToday(report, shown);
  return {
    headline: [...headline(report, shown), ...today],
    today,
    steps: [
      ...notes.map((note) => ({ at: note.at, text: describeNote(note, shown) })),
      ...(job === null ? [] : [describeJob(job, shown)]),
    ],
  };
}

/** The masks for what a report says: from the parties of its event, or else from those in its header. */
export function masksOf(report: TracedReport): NumberMasks {
  const { event, notes } = report;
  if (event) return numberMasks(partiesKnown(report, event));
  return masksByHeader(notes.flatMap((note) => (note.kind === "received" ? [note.header] : [])).at(-1) ?? "");
}

/** Those of its event, and the recipients that it was found by: an event whose header was cut may lack them. */
export function partiesKnown({ ids }: TracedReport, event: DeliveryEvent): readonly (Numbered | null)[] {
  return [...partiesOf(event), ...ids.numbers.map((raw) => ({ raw, number: `+${raw}` }))];
}

/** The header of the message that came last, if it is remembered. */
export function headerOf(report: TracedReport, numbers: "masked" | "full"): string | null {
  const { event, notes } = report;
  const header = notes.flatMap((note) => (note.kind === "received" ? [note.header] : [])).at(-1);
  if (header === undefined) return null;
  const whole = Buffer.from(header, "latin1").toString();
  // A long header was cut, perhaps within a number.
  const text = isCut(header) ? beginningOf(whole, whole.length - 1) : whole;
  return numbers === "full" ? text : maskHeader(text, event ? partiesKnown(report, event) : []);
}

/** Makes a peer's text fit to be shown. Our own words need no mask. */
interface Shown {
  /** For short text. */
  readonly line: Mask;
  readonly id: Mask;
  readonly text: Mask;
}

function headline(
  { event, said, ids: { eventId, messageId, transactionId } }: TracedReport,
  shown: Shown,
): readonly string[] {
  const transaction = `transaction ${shown.id(transactionId ?? "without id")}`;
  if (event) return [...describeEvent(event).map(shown.line), `  ${transaction}, event ${event.id}`];
  const message = `  message ${shown.id(messageId ?? "without id")}, ${transaction}`;
  return said === null ? ["No event", message] : [describeSummary(said), `${message}, event ${eventId}`];
}

function describeSummary({ outcome, disposition, final, conflict, code }: EventSummary): string {
  const marks = [disposition, final ? "final" : "not final", ...(conflict ? ["conflict"] : [])].join(", ");
  return `${outcome} (${marks})${code === null ? "" : `  ${code}`}`;
}

/** What this version would make of the header, where that is not what happened. */
function readToday({ said, today }: TracedReport, shown: Shown): readonly string[] {
  switch (today?.kind) {
    case undefined:
      return [];
    case "event": {
      const { event } = today;
      if (said === null) return [`  would read today: ${describeSummary(event)}, event ${event.eventId}`];
      const changed = differences(said, event).map(
        (name) => `${NAMES[name]} ${inWords(event[name])} (was ${inWords(said[name])})`,
      );
      return [`  would read today: ${changed.join(", ")}`];
    }
    case "no-event":
      return [`  would read today: no event (${today.problem})`];
    case "header-cut":
      return [
        `  not compared with what it would read today: of its header only the first ${MAX_HEADER_LENGTH} bytes are kept`,
      ];
    case "fault":
      return [`  would read today: nothing, by a fault of mm4d: ${shown.text(today.detail)}`];
  }
}

const NAMES: Readonly<Record<keyof EventSummary, string>> = {
  eventId: "event",
  type: "type",
  outcome: "outcome",
  disposition: "disposition",
  final: "final",
  code: "code",
  conflict: "conflict",
  warnings: "warnings",
};

function inWords(value: EventSummary[keyof EventSummary]): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(" ");
  return value === null ? "none" : String(value);
}

function describeNote(note: TraceNote, shown: Shown): string {
  switch (note.kind) {
    case "received": {
      const { peer, sessionId, mailFrom, bytes, tookMs, reply, answered = true, fate } = note;
      const tls = peer.tls === null ? "" : ` with ${peer.tls.protocol}`;
      const became = fate === null ? "" : `; ${fate}`;
      const after = tookMs === null ? "" : ` after ${tookMs.toFixed(1)} ms`;
      const said = answered
        ? `answered "${reply}"${after}`
        : `could not be answered "${reply}": the connection was closed`;
      return `received from ${peer.name} (${peer.address})${tls} in session ${sessionId}, MAIL FROM:<${shown.text(mailFrom)}>, ${bytes} bytes; ${said}${became}`;
    }
    case "queued":
      return note.duplicateOf === null
        ? `put on the queue as job ${note.recordId}`
        : `not queued again: it is a duplicate of job ${note.duplicateOf}`;
    case "acknowledgement":
      return `acknowledgement ${ACKNOWLEDGED[note.result]}: ${shown.text(note.detail)}`;
    case "replayed": {
      const read = `${note.summary.outcome}, ${note.summary.disposition}`;
      return `published again as ${read}, to the queue ${note.queue} as job ${note.recordId}: replay ${note.name} by ${note.by}`;
    }
  }
}

const ACKNOWLEDGED = {
  sent: "sent",
  retried: "not taken, tried again later",
  failed: "not taken, given up",
  bounced: "came back",
} as const;

function describeJob({ state, attempts, error, finishedAt: endedAt }: JobState, shown: Shown): ToldStep {
  if (state === "gone") return { at: "now", text: "the job is no longer kept: it was consumed, or removed" };
  const tried = attempts === 0 ? "" : ` after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  const job = { says: `the job is ${state}${tried}`, endedAt, error: error === null ? null : shown.text(error) };
  const when = endedAt === null ? "" : ` at ${endedAt}`;
  return { at: "now", text: `${job.says}${when}${job.error === null ? "" : `: ${job.error}`}`, job };
}
