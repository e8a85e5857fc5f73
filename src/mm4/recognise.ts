/** Whether mail is MM4, and which PDU. */
import { ORDINARY_PEER } from "../delivery/peer-rules.ts";
import type { Problem } from "../delivery/problem.ts";
import { type MessageReading, openMessage, readReport } from "./read-message.ts";

export interface RecognisedMessage {
  readonly problem: Exclude<Problem, { kind: "event-too-large" }> | null;
  readonly headerBytes: number;
  readonly mayAskForAck: boolean;
}

export function recognise(message: Uint8Array, reading: MessageReading): RecognisedMessage {
  const opened = openMessage(message, reading);
  const read = opened.ok ? readReport(opened.value, ORDINARY_PEER, reading) : opened;
  const text = Buffer.from(message).toString("latin1");
  const end = /\r?\n\r?\n/.exec(text);
  const headerBytes = end ? end.index + end[0].length : message.byteLength;
  return {
    problem: read.ok ? null : (read.error as RecognisedMessage["problem"]),
    headerBytes,
    mayAskForAck: /^x-mms-ack-request/im.test(text.slice(0, headerBytes)),
  };
}
