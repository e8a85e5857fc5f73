/**
 * Recognises what a message is before its 250, in one cheap pass over its header: a report,
 * or what reading it would find instead. Pure, and linear in the header; of the body
 * nothing is looked at unless the header has no type.
 *
 * It agrees with the full reading for any bytes, because it goes over the same lines and
 * asks the same questions of them, only of fewer fields.
 */
import type { Problem } from "../delivery/problem.ts";
import { ok } from "../result.ts";
import { readHeaderFields, type WantedFields } from "./header.ts";
import type { MessageBytes } from "./header-lines.ts";
import { type MessageReading, openFields, openMessage } from "./read-message.ts";
import { DECIDING_KEYS, findReportKind, isCertainlyReport } from "./report-kind.ts";

/** What a message is, as far as an honest answer needs it. */
export interface RecognisedMessage {
  /** The problem that reading the whole would find; null for a report that can be read. */
  readonly problem: Exclude<Problem, { readonly kind: "event-too-large" }> | null;
  /**
   * How many of the first bytes are the header, with the empty line that ends it: all where there is no such line,
   * or where the header is beyond its limits.
   *
   * A report or another PDU reads the same, with the same warnings, from these bytes, or from these and any part of
   * the body that follows them. Any other message may not, because a type is looked for in its body too.
   */
  readonly headerBytes: number;
  /** Whether the header has the field that asks for an acknowledgement, whatever it says. 3GPP TS 23.140 §8.4.2. */
  readonly mayAskForAck: boolean;
}

export function recognise(message: MessageBytes, reading: MessageReading): RecognisedMessage {
  const seen = readHeaderFields(message, reading.headerLimits, DECIDING);
  if (!seen.ok) return { problem: seen.error, headerBytes: message.length, mayAskForAck: false };
  const { fields, bytes } = seen.value;
  const mayAskForAck = fields.some(({ key }) => key === ACK_REQUEST);
  if (isCertainlyReport(fields)) return { problem: null, headerBytes: bytes, mayAskForAck };

  // How many words are decoded of one field depends on all fields before it. Such a header is read as a whole.
  const opened = fields.some((field) => field.bytes.includes("=?"))
    ? openMessage(message, reading)
    : ok(openFields(seen.value, message, reading.decodeWords));
  const kind = opened.ok ? findReportKind(opened.value) : opened;
  return { problem: kind.ok ? null : kind.error, headerBytes: bytes, mayAskForAck };
}

const ACK_REQUEST = "x-mms-ack-request";
const KEYS: ReadonlySet<string> = new Set([...DECIDING_KEYS, ACK_REQUEST]);
/** The fields that decide. */
const DECIDING: WantedFields = {
  keys: KEYS,
  lengths: Array.from({ length: Math.max(...[...KEYS].map(({ length }) => length)) + 1 }, (_, length) =>
    [...KEYS].some((key) => key.length === length),
  ),
};
