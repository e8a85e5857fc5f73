/**
 * Which kind of report a message is, or why it is none. What is asked here is all that
 * an honest answer to a message depends on, and its peer's rules have no part in it.
 */
import type { Problem } from "../delivery/problem.ts";
import type { ReportKind } from "../delivery/report.ts";
import { err, ok, type Result } from "../result.ts";
import { FIELDS, type FieldProperty, STATUS_KEYS } from "./fields.ts";
import { type Header, type HeaderField, type HeaderProblem, isPlain } from "./header.ts";
import { findPdu } from "./pdus.ts";
import type { OpenMessage } from "./read-message.ts";

/** Why a message whose header is within the limits is no report. */
export type NoReport = Exclude<Problem, HeaderProblem | { readonly kind: "event-too-large" }>;

/** Which property holds the status of each kind of report. */
export const STATUS_OF = {
  "delivery-report": "mmStatusCode",
  "forward-response": "requestStatusCode",
  "read-report": "readStatus",
} as const satisfies Record<ReportKind, FieldProperty>;

/** Depends on no fields but those of {@link DECIDING_KEYS}. */
export function findReportKind({ header, fields, typeOutsideHeader }: OpenMessage): Result<ReportKind, NoReport> {
  const messageType = fields.of("messageType").first;
  if (messageType === undefined) {
    const kind = kindOfOther(header);
    if (kind === "bounce") return err({ kind, typeOutsideHeader });
    return err({ kind: kind === "not-mm4" && typeOutsideHeader ? "type-outside-header" : kind });
  }
  const pdu = findPdu(messageType);
  if (!pdu) return err({ kind: "unknown-type" });
  if (pdu.kind === null) return err({ kind: "other-pdu", messageType: pdu.name });
  const hasStatus = (property: FieldProperty): boolean => fields.of(property).first !== undefined;
  if (!hasStatus(STATUS_OF[pdu.kind]) && !hasStatus("internalStatusCode")) return err({ kind: "no-status" });
  return ok(pdu.kind);
}

/**
 * Whether {@link findReportKind} would find a report, where that is plain to see, as of nearly all messages it is:
 * one type, a report's, and a status, with nothing in them to decode. False says nothing.
 */
export function isCertainlyReport(fields: readonly HeaderField[]): boolean {
  let type: string | null = null;
  for (const { key, bytes } of fields) {
    if (!TYPE_KEYS.includes(key)) continue;
    if (type !== null) return false;
    type = bytes;
  }
  const kind = type !== null && isPlain(type) ? findPdu(type)?.kind : null;
  if (!kind) return false;
  const keys = KEYS_OF_STATUS[kind];
  return fields.some(({ key, bytes }) => bytes !== "" && keys.includes(key) && isPlain(bytes));
}

const TYPE_KEYS: readonly string[] = FIELDS.messageType.names.map(({ key }) => key);

/**
 * A message with a status but no type, or with an empty type, is a broken report and
 * worth keeping. Without both it is some other mail, of which we expect only bounces
 * of our own. RFC 3464 §2. A bounce with another Content-Type is recognised by the id
 * of our mail in it: see flow/sort.ts.
 */
function kindOfOther({ fields }: Header): "unknown-type" | "bounce" | "not-mm4" {
  if (fields.some(({ key, bytes }) => TYPE_KEYS.includes(key) || (STATUS_KEYS.includes(key) && bytes !== "")))
    return "unknown-type";
  const contentType = fields.find(({ key }) => key === CONTENT_TYPE)?.bytes ?? "";
  const bounced =
    /^multipart\/report\s*;/i.test(contentType) && /;\s*report-type\s*=\s*"?delivery-status\b/i.test(contentType);
  return bounced ? "bounce" : "not-mm4";
}

const CONTENT_TYPE = "content-type";

/** The names of the fields of which each kind of report must have one, in lower case. */
const KEYS_OF_STATUS = {
  "delivery-report": statusKeysOf("delivery-report"),
  "forward-response": statusKeysOf("forward-response"),
  "read-report": statusKeysOf("read-report"),
} satisfies Record<ReportKind, readonly string[]>;

function statusKeysOf(kind: ReportKind): readonly string[] {
  return ([STATUS_OF[kind], "internalStatusCode"] as const).flatMap((property) =>
    FIELDS[property].names.map(({ key }) => key),
  );
}

/** The names of all fields that decide it, in lower case. */
export const DECIDING_KEYS: readonly string[] = [
  ...(["messageType", "internalStatusCode", ...Object.values(STATUS_OF)] as const).flatMap((property) =>
    FIELDS[property].names.map(({ key }) => key),
  ),
  CONTENT_TYPE,
];
