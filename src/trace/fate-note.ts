/** What the trace is told of a message, from what became of it. */

import type { Receipt } from "../flow/read.ts";
import { type MessageReading, openMessage, readIds } from "../mm4/read-message.ts";
import type { SmtpMessage } from "../smtp/listener.ts";
import type { SmtpReply } from "../smtp/replies.ts";
import { idsOf, MAX_HEADER_LENGTH, type ReportIds, type TraceNote } from "./note.ts";

/** A message, what became of it, and what is to be answered. */
export interface Judged {
  readonly message: Pick<SmtpMessage, "sessionId" | "peer" | "mailFrom" | "bytes" | "receivedAt">;
  readonly receipt: Receipt;
  readonly reply: SmtpReply;
  readonly tookMs: number;
}

export type ReceivedNote = Extract<TraceNote, { kind: "received" }>;

/** Null for what is no report, and was refused or is a bounce. */
export function noteOf({ message, receipt, reply, tookMs }: Judged, reading: MessageReading): ReceivedNote | null {
  if (receipt.kind === "refused" || receipt.kind === "bounce") return null;
  const { sessionId, peer, mailFrom, bytes, receivedAt } = message;
  const event = receipt.kind === "stored" ? receipt.event : null;
  return {
    kind: "received",
    at: receivedAt.toISOString(),
    quarantineId: receipt.kind === "quarantined" ? receipt.id : null,
    sessionId,
    peer,
    mailFrom,
    bytes: bytes.length,
    tookMs,
    reply: `${reply.code} ${reply.text}`,
    fate: fateOf(receipt),
    header: headerOf(bytes),
    ids: event ? idsOf(event) : idsIn(bytes, reading),
    event,
  };
}

/** The same of a message whose reply was never said, because its relay had gone. */
export function unanswered(note: ReceivedNote): ReceivedNote {
  return { ...note, answered: false };
}

function fateOf(receipt: Exclude<Receipt, { kind: "refused" | "bounce" }>): string | null {
  switch (receipt.kind) {
    case "stored":
      return null;
    case "quarantined":
      return `kept in quarantine as ${receipt.id} (${receipt.message.reason})`;
    case "ignored":
      return `${receipt.messageType} is accepted, and makes no event`;
    case "not-stored":
      return `it could not be stored (${receipt.cause.message}), and its relay comes again`;
  }
}

function headerOf(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER_LENGTH)).toString(
    "latin1",
  );
  return start.split(/\r?\n\r?\n/, 1)[0] ?? "";
}

function idsIn(bytes: Uint8Array, reading: MessageReading): ReportIds {
  const opened = openMessage(bytes, reading);
  const ids = opened.ok ? readIds(opened.value) : { messageId: null, transactionId: null };
  return { eventId: null, ...ids, numbers: [] };
}
