/**
 * Writes PDUs as a peer's relay would: for `mm4d send` and for the tests.
 * 3GPP TS 23.140 §8.4.1 to §8.4.4.
 */
import type { ReportKind } from "../delivery/report.ts";
import { DIALECTS, type Dialect } from "./dialects.ts";

/** Every PDU of MM4 that was seen, whether it makes an event or not. */
export type PduKind =
  | ReportKind
  | "forward-request"
  | "delivery-report-response"
  | "read-report-response"
  | "capability-request"
  | "capability-response";

export interface PduToCompose {
  readonly kind: PduKind;
  readonly transactionId: string;
  readonly messageId: string;
  /** From: the recipient that a report is about. A forward response and an MM may have several. */
  readonly recipient: string;
  /** To: who sent the MM. */
  readonly originator: string;
  readonly date: Date;
  /** MM status, request status or read status by kind. */
  readonly status?: string | undefined;
  readonly statusExtension?: string | undefined;
  readonly statusText?: string | undefined;
  readonly code?: string | undefined;
  readonly ackRequested?: boolean | undefined;
  /** The relay's own address, where acknowledgements go; left out where there is none. */
  readonly systemAddress?: string | undefined;
  readonly dialect?: Dialect | undefined;
}

export const MESSAGE_TYPES: Readonly<Record<PduKind, string>> = {
  "delivery-report": "MM4_delivery_report.REQ",
  "forward-response": "MM4_forward.RES",
  "read-report": "MM4_read_reply_report.REQ",
  "forward-request": "MM4_forward.REQ",
  "delivery-report-response": "MM4_delivery_report.RES",
  "read-report-response": "MM4_read_reply_report.RES",
  "capability-request": "MM4_capability_negotiation.REQ",
  "capability-response": "MM4_capability_negotiation.RES",
};

const REQUEST_STATUS = "X-Mms-Request-Status-Code";
const STATUS_FIELDS: Readonly<Record<PduKind, string>> = {
  "delivery-report": "X-Mms-MM-Status-Code",
  "forward-response": REQUEST_STATUS,
  "read-report": "X-Mms-Read-Status",
  "forward-request": "X-Mms-Message-Class",
  "delivery-report-response": REQUEST_STATUS,
  "read-report-response": REQUEST_STATUS,
  "capability-request": REQUEST_STATUS,
  "capability-response": REQUEST_STATUS,
};

/** Of these PDUs From and To are systems. */
const BETWEEN_SYSTEMS: readonly PduKind[] = [
  "forward-response",
  "delivery-report-response",
  "read-report-response",
  "capability-request",
  "capability-response",
];

/**
 * The message as bytes: lines end in CRLF, and there is no body, as with most
 * MMSCs. Throws when a value holds a line break or another control character,
 * because that could begin another field.
 */
export function composePdu(pdu: PduToCompose): Uint8Array {
  const { kind } = pdu;
  const dialect: Dialect = pdu.dialect ?? DIALECTS.standard;
  const transactionId = written(dialect.oneId ? pdu.messageId : pdu.transactionId, dialect);
  const [from, to] = parties(pdu);
  const asksAt = pdu.systemAddress;
  const fields: readonly (readonly [name: string, value: string | undefined])[] = [
    ["X-Mms-3GPP-MMS-Version", dialect.version],
    ["X-Mms-Message-Type", dialect.types[kind] ?? MESSAGE_TYPES[kind]],
    ["X-Mms-Transaction-ID", transactionId],
    ["X-Mms-Message-ID", written(pdu.messageId, dialect)],
    ["From", from],
    ["To", dialect.bareTo ? (to.split(/\/TYPE=PLMN/i, 1)[0] ?? "") : to],
    ["X-Mms-Request-Recipients", kind === "forward-response" ? pdu.recipient : undefined],
    ["Date", dialect.date === "asctime" ? asctime(pdu.date) : pdu.date.toUTCString().replace("GMT", "+0000")],
    [STATUS_FIELDS[kind], pdu.status],
    ["X-Mms-MM-Status-Extension", pdu.statusExtension],
    ["X-Mms-Status-Text", pdu.statusText],
    ["X-Internal-Status-Code", pdu.code],
    ["X-Mms-Ack-Request", pdu.ackRequested ? dialect.yes : undefined],
    ["Sender", dialect.answerTo === "sender" ? asksAt : undefined],
    ["X-Mms-Originator-System", dialect.answerTo === "originator-system" ? asksAt : undefined],
    ...dialect.extra,
  ];
  const body = dialect.body ?? (kind === "forward-request" ? "A simulated MM" : null);
  const lines = fields.flatMap(([name, value]) =>
    value === undefined ? [] : [field(dialect.names[name] ?? name, value)],
  );
  if (body !== null) lines.push("MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii");
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body === null ? "" : `${body}\r\n`}`);
}

function parties({ kind, recipient, originator }: PduToCompose): readonly [from: string, to: string] {
  if (BETWEEN_SYSTEMS.includes(kind)) return ["system-user", "system-user"];
  return kind === "forward-request" ? [originator, recipient] : [recipient, originator];
}

function written(id: string, { ids }: Dialect): string {
  return ids === "quoted" ? `"${id}"` : ids === "angle-brackets" ? `<${id}>` : id;
}

/** As C's asctime() writes it: Fri Nov 21 09:55:06 1997. */
function asctime(date: Date): string {
  const [weekday = "", day = "", month = "", year = "", time = ""] = date.toUTCString().split(" ");
  return `${weekday.slice(0, 3)} ${month} ${day} ${time} ${year}`;
}

function field(name: string, value: string): string {
  if (/\p{Cc}/u.test(value)) throw new Error(`Cannot write ${name}: its value holds a control character`);
  return `${name}: ${value}`;
}
