/**
 * Writes the response PDU (.RES) that acknowledges a message: a mail of our own.
 * 3GPP TS 23.140 §8.4.2, §8.4.3; RFC 5322.
 */
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import { writeField } from "./write-field.ts";

export interface ResponseEnvelope {
  /** Our own address. */
  readonly systemAddress: string;
  readonly to: string;
  /** The id of the mail, without angle brackets. */
  readonly mailMessageId: string;
  readonly date: Date;
}

/** Our MM4 version. */
const VERSION = "6.10.0";

/** The mail as bytes: CRLF throughout, ASCII. */
export function composeResponse(response: Acknowledgement, envelope: ResponseEnvelope): Uint8Array {
  const fields: readonly (readonly [name: string, value: string | null])[] = [
    ["X-Mms-3GPP-MMS-Version", response.version ?? VERSION],
    ["X-Mms-Message-Type", response.messageType],
    ["X-Mms-Transaction-ID", response.transactionId],
    ["X-Mms-Message-ID", response.messageId],
    ["X-Mms-Request-Status-Code", response.requestStatus],
    ["X-Mms-Status-Text", response.statusText],
    ["Sender", envelope.systemAddress],
    ["From", envelope.systemAddress],
    ["To", envelope.to],
    ["Message-ID", `<${envelope.mailMessageId}>`],
    ["Date", envelope.date.toUTCString().replace("GMT", "+0000")],
    // RFC 3834 §5: so that no robot answers.
    ["Auto-Submitted", "auto-replied"],
    ["MIME-Version", "1.0"],
    // Seen in practice: vectorcore refuses a message without it, gomsggw one without a body.
    ["Content-Type", "text/plain; charset=us-ascii"],
  ];
  const lines = fields.flatMap(([name, value]) => (value === null ? [] : [writeField(name, value)]));
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${response.requestStatus}\r\n`, "latin1");
}
