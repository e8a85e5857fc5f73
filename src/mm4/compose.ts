/**
 * Writes the PDUs that report on an MM, as a peer's relay would: for `mm4d send`
 * and for the tests. 3GPP TS 23.140 §8.4.1 to §8.4.4.
 */
import type { ReportKind } from "../delivery/report.ts";

export interface ReportToCompose {
  readonly kind: ReportKind;
  readonly transactionId: string;
  readonly messageId: string;
  /** Written into From: whom the report is about. */
  readonly recipient: string;
  /** Written into To: who sent the MM. */
  readonly originator: string;
  readonly date: Date;
  /** MM status, request status or read status by kind. */
  readonly status?: string | undefined;
  readonly statusExtension?: string | undefined;
  readonly statusText?: string | undefined;
  readonly code?: string | undefined;
  readonly ackRequested?: boolean | undefined;
}

const MESSAGE_TYPES: Record<ReportKind, string> = {
  "delivery-report": "MM4_delivery_report.REQ",
  "forward-response": "MM4_forward.RES",
  "read-report": "MM4_read_reply_report.REQ",
};

const STATUS_FIELDS: Record<ReportKind, string> = {
  "delivery-report": "X-Mms-MM-Status-Code",
  "forward-response": "X-Mms-Request-Status-Code",
  "read-report": "X-Mms-Read-Status",
};

/**
 * The message as bytes, CRLF throughout, header only, as most MMSCs send it.
 * Throws when a value holds a line break or another control character: it would
 * become a field of its own.
 */
export function composeReport(report: ReportToCompose): Uint8Array {
  const forwarding = report.kind === "forward-response";
  const fields: readonly (readonly [name: string, value: string | undefined])[] = [
    ["X-Mms-3GPP-MMS-Version", "6.10.0"],
    ["X-Mms-Message-Type", MESSAGE_TYPES[report.kind]],
    ["X-Mms-Transaction-ID", `"${report.transactionId}"`],
    ["X-Mms-Message-ID", `"${report.messageId}"`],
    ["From", forwarding ? "system-user" : report.recipient],
    ["To", forwarding ? "system-user" : report.originator],
    ["X-Mms-Request-Recipients", forwarding ? report.recipient : undefined],
    ["Date", report.date.toUTCString().replace("GMT", "+0000")],
    [STATUS_FIELDS[report.kind], report.status],
    ["X-Mms-MM-Status-Extension", report.statusExtension],
    ["X-Mms-Status-Text", report.statusText],
    ["X-Internal-Status-Code", report.code],
    ["X-Mms-Ack-Request", report.ackRequested ? "Yes" : undefined],
  ];
  const lines = fields.flatMap(([name, value]) => (value === undefined ? [] : [field(name, value)]));
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

function field(name: string, value: string): string {
  if (/\p{Cc}/u.test(value)) throw new Error(`Cannot write ${name}: its value holds a control character`);
  return `${name}: ${value}`;
}
