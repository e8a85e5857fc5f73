/** The trace, as an observer of messages: it notes how each was answered, and what became of it. */
import type { AcceptedMessage, Finding, MessageIds, Refused, RefusedMessage } from "../delivery/fate.ts";
import type { Answered, Recorder } from "../flow/observer.ts";
import { idsOf, MAX_HEADER_LENGTH, type ReportIds, type TraceNote } from "./note.ts";

export type ReceivedNote = Extract<TraceNote, { kind: "received" }>;

export function traceMessages(write: (note: TraceNote) => void): Recorder {
  return {
    // A note of a message holds its reply, and whether the reply could be sent.
    answered(answers) {
      for (const answer of answers) {
        const note = noteOf(answer);
        if (note) write(note);
      }
    },
    became(fates) {
      for (const fate of fates) {
        switch (fate.kind) {
          case "queued":
          case "duplicate": {
            const { event, id: recordId } = fate;
            const duplicateOf = fate.kind === "duplicate" ? fate.duplicateOf : null;
            write({ kind: "queued", at: new Date().toISOString(), recordId, duplicateOf, ids: idsOf(event), event });
            break;
          }
          case "quarantined":
          case "ignored":
          case "bounce":
            break;
          default:
            fate satisfies never;
        }
      }
    },
  };
}

/** The note of a message; null for a message that is no report, such as a bounce or a refused one. */
export function noteOf({ handled, reply, handed }: Answered): ReceivedNote | null {
  const fate = fateOf(handled);
  if (fate === undefined) return null;
  const { sessionId, peer, mailFrom, bytes, receivedAt } = handled.message;
  const event = "finding" in handled && handled.finding.kind === "event" ? handled.finding.event : null;
  const note: ReceivedNote = {
    kind: "received",
    at: receivedAt.toISOString(),
    quarantineId: "finding" in handled && handled.finding.kind === "quarantine" ? handled.id : null,
    sessionId,
    peer: peer.identity,
    mailFrom,
    bytes: bytes.length,
    tookMs: handled.tookMs,
    reply: `${reply.code} ${reply.text}`,
    fate,
    header: headerOf(bytes),
    ids: event ? idsOf(event) : idsWithoutEvent(handled.ids),
    event,
  };
  return handed ? note : { ...note, answered: false };
}

/** In words; null for an event, undefined for what is not traced. */
function fateOf(handled: AcceptedMessage | RefusedMessage): string | null | undefined {
  return "finding" in handled ? fateOfAccepted(handled.finding, handled.id) : fateOfRefused(handled.refused);
}

function fateOfAccepted(finding: Finding, id: string | null): string | null | undefined {
  switch (finding.kind) {
    case "event":
      return null;
    case "quarantine":
      return `kept in quarantine as ${id} (${finding.message.reason})`;
    case "ignored":
      return `${finding.messageType} is accepted, and makes no event`;
    case "bounce":
      return undefined;
  }
}

function fateOfRefused(refused: Refused): string | undefined {
  switch (refused.kind) {
    case "refused":
      return undefined;
    case "not-stored":
      return `it could not be stored (${refused.cause.message}), and its relay comes again`;
  }
}

function headerOf(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER_LENGTH)).toString(
    "latin1",
  );
  return start.split(/\r?\n\r?\n/, 1)[0] ?? "";
}

function idsWithoutEvent(ids: MessageIds): ReportIds {
  return { eventId: null, messageId: ids.messageId, transactionId: ids.transactionId, numbers: [] };
}
