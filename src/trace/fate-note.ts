/** The trace, as an observer of messages: what was said and what became of it is one entry, written at once. */
import type { Recognised, SavedMessage } from "../delivery/accepted.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { AcceptedMessage, Fate, ReadMessage, RefusedMessage } from "../delivery/fate.ts";
import type { Answered, Recorder, Reply } from "../flow/observer.ts";
import { type EntryFate, type ReportEntry, summaryOf, type TraceEntry, type UnansweredEntry } from "./entry.ts";
import { headerIn } from "./header.ts";
import { idsOf, MAX_HEADER_LENGTH, type ReceivedNote, type ReportIds } from "./note.ts";
import type { TraceReading } from "./reading.ts";

export interface TraceRecorder {
  readonly write: (entry: TraceEntry) => void;
  readonly reading: TraceReading;
  /** The 250 of a message that was taken for that. */
  readonly replyTo: (recognised: Exclude<Recognised, "bounce">) => Reply;
}

/** A record that waits longer, because Redis is away, has an entry without that. */
const MAX_WAITING_KNOWN = 10_000;

export function traceMessages({ write, reading, replyTo }: TraceRecorder): Recorder {
  /** By record: how long its message took to be answered. */
  const tookMs = new Map<string, number>();

  function forgetOldest(): void {
    const [oldest] = tookMs.keys();
    if (oldest !== undefined) tookMs.delete(oldest);
  }

  return {
    accepted(messages) {
      for (const { id, recognised, tookMs: took } of messages) {
        if (recognised === "bounce") continue;
        if (tookMs.size >= MAX_WAITING_KNOWN) forgetOldest();
        tookMs.set(id, took);
      }
    },
    answered(answers) {
      for (const answer of answers) {
        const entry =
          "refused" in answer.handled ? noteOf(answer, answer.handled, reading) : unanswered(answer, reading);
        if (entry !== null) write(entry);
      }
    },
    became(fates) {
      const at = new Date().toISOString();
      for (const fate of fates) {
        const took = tookMs.get(fate.id) ?? null;
        tookMs.delete(fate.id);
        const entry = fate.read === null ? laterNote(fate, at) : entryOf(fate, fate.read, at, { took, replyTo });
        if (entry !== null) write(entry);
      }
    },
  };
}

/** Null for what says nothing here, as a bounce does not. */
export function entryOf(
  fate: Fate,
  { said, finding, ids }: ReadMessage,
  at: string,
  { took, replyTo }: { readonly took: number | null } & Pick<TraceRecorder, "replyTo">,
): ReportEntry | null {
  const became = fateIn(fate, finding, at);
  if (became === null) return null;
  const { sessionId, peer, entry, mailFrom, receivedAt, recognised, bytes } = said;
  const { code, text } = replyTo(recognised);
  return {
    kind: "report",
    at: receivedAt,
    id: fate.id,
    sessionId,
    peer,
    rules: entry.rules,
    mailFrom,
    bytes,
    tookMs: took,
    reply: `${code} ${text}`,
    header: headerIn(said.said),
    fate: became,
    ids: "event" in fate ? idsOf(fate.event) : { eventId: null, ...ids, numbers: [] },
  };
}

function fateIn(fate: Fate, finding: ReadMessage["finding"], at: string): EntryFate | null {
  switch (fate.kind) {
    case "queued":
      return { kind: "queued", at, event: summaryOf(fate.event) };
    case "duplicate":
      return { kind: "duplicate", at, of: fate.duplicateOf, event: summaryOf(fate.event) };
    case "quarantined":
      return { kind: "quarantined", reason: fate.message.reason };
    case "ignored":
      return finding.kind === "ignored" ? { kind: "ignored", messageType: finding.messageType } : null;
    case "bounce":
      return null;
  }
}

/**
 * Of what was read and told of before: what has happened to it now. It has its event, because no header is here to
 * read it from. A person replays few messages, and an upgrade finds few in the journal.
 */
export function laterNote(fate: Fate, at: string): TraceEntry | null {
  if (fate.kind !== "queued" && fate.kind !== "duplicate") return null;
  const { event, id: recordId } = fate;
  const duplicateOf = fate.kind === "duplicate" ? fate.duplicateOf : null;
  return { kind: "queued", at, recordId, duplicateOf, ids: idsOf(event), event };
}

/** The note of a message that could not be stored; null for one that is refused for good. */
function noteOf({ reply, handed }: Answered, handled: RefusedMessage, reading: TraceReading): ReceivedNote | null {
  const { message, refused, tookMs } = handled;
  if (refused.kind === "refused") return null;
  const { sessionId, peer, mailFrom, bytes, receivedAt } = message;
  const note: ReceivedNote = {
    kind: "received",
    at: receivedAt.toISOString(),
    quarantineId: null,
    sessionId,
    peer: peer.identity,
    mailFrom,
    bytes: bytes.length,
    tookMs,
    reply: `${reply.code} ${reply.text}`,
    fate: `it could not be stored (${refused.cause.message}), and its relay comes again`,
    header: headerIn(Buffer.from(bytes.subarray(0, 2 * MAX_HEADER_LENGTH)).toString("latin1")),
    ids: idsWithoutEvent(bytes, reading),
    event: null,
  };
  return handed ? note : { ...note, answered: false };
}

function unanswered({ handled, handed }: Answered, reading: TraceReading): UnansweredEntry | null {
  if (handed || !("id" in handled) || handled.recognised === "bounce") return null;
  return { kind: "unanswered", at: new Date().toISOString(), id: handled.id, ids: idsIn(handled.message, reading) };
}

/** The names under which its entry is found. */
function idsIn({ bytes, peer, receivedAt }: AcceptedMessage["message"], reading: TraceReading): ReportIds {
  const event = eventIn({ bytes, peer: peer.identity, rules: peer.entry.rules, receivedAt }, reading);
  return event ? idsOf(event) : idsWithoutEvent(bytes, reading);
}

/** Whatever goes wrong here, a note with fewer names is written. */
function eventIn(message: SavedMessage, reading: TraceReading): DeliveryEvent | null {
  try {
    const read = reading.read(message);
    return read.ok ? read.value : null;
  } catch {
    return null;
  }
}

function idsWithoutEvent(bytes: Uint8Array, reading: TraceReading): ReportIds {
  try {
    return { eventId: null, ...reading.idsIn(bytes), numbers: [] };
  } catch {
    return { eventId: null, messageId: null, transactionId: null, numbers: [] };
  }
}
