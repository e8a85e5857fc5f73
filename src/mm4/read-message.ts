/**
 * Reads one MM4 message into a {@link Report}, or says why it is none.
 *
 *   bytes → header fields → known MM4 fields → Report
 *
 * Pure: no clock, no network, no log. The body is ignored, because all of a
 * report is in its header. A missing or unreadable field leaves its property
 * null, with a warning; only a message without any status is a problem.
 *
 * Sources: 3GPP TS 23.140 §8.4.1 to §8.4.4; RFC 5322 §2.2.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Party } from "../delivery/party.ts";
import type { PeerRules } from "../delivery/peer.ts";
import type { Problem } from "../delivery/problem.ts";
import type { Report, ReportKind, RequestRecipient } from "../delivery/report.ts";
import type { Warning } from "../delivery/warning.ts";
import { err, ok, type Result } from "../result.ts";
import { readParty, splitAddresses } from "./address.ts";
import { readDate } from "./date.ts";
import { type FieldProperty, type ReadFields, readFields, STATUS_KEYS } from "./fields.ts";
import {
  type DecodeWords,
  decodeValue,
  type Header,
  type HeaderLimits,
  type HeaderProblem,
  readHeader,
} from "./header.ts";
import { findPdu } from "./pdus.ts";

/** Which property holds the status of each kind of report. */
const STATUS_OF = {
  "delivery-report": "mmStatusCode",
  "forward-response": "requestStatusCode",
  "read-report": "readStatus",
} as const satisfies Record<ReportKind, FieldProperty>;

/** What reading takes besides the message and its peer's rules. */
export interface MessageReading {
  readonly decodeWords: DecodeWords;
  readonly headerLimits: HeaderLimits;
}

/** A message whose header has been read, and nothing understood yet. */
export interface OpenMessage {
  readonly header: Header;
  readonly fields: ReadFields;
}

export function openMessage(
  message: Uint8Array,
  { decodeWords, headerLimits }: MessageReading,
): Result<OpenMessage, HeaderProblem> {
  const header = readHeader(message, headerLimits);
  if (!header.ok) return header;
  return ok({ header: header.value, fields: readFields(header.value, decodeWords) });
}

export function readReport(
  { header, fields }: OpenMessage,
  rules: PeerRules,
  { decodeWords }: Pick<MessageReading, "decodeWords">,
): Result<Report, Problem> {
  const messageType = fields.of("messageType").values[0];
  if (messageType === undefined) return err({ kind: kindOfOther(header) });
  const pdu = findPdu(messageType);
  if (!pdu) return err({ kind: "unknown-type" });
  if (pdu.kind === null) return err({ kind: "other-pdu", messageType: pdu.name });

  const statuses = fields.of(STATUS_OF[pdu.kind]);
  const codes = fields.of("internalStatusCode").values;
  if (statuses.values.length === 0 && codes.length === 0) return err({ kind: "no-status" });

  const warnings = new Set<Warning>(fields.warnings);
  const warn: Warn = (warning) => void warnings.add(warning);
  for (const property of SAID_ONCE) {
    const { values } = fields.of(property);
    if (values.length > 1 && new Set(values).size > 1) warn("duplicate-header");
  }
  readVersion(fields, warn);
  if (pdu.kind !== "forward-response" && fields.of("requestStatusCode").values.length > 0)
    warn("request-status-in-report");

  const transactionId = normaliseId(fields.of("transactionId").values[0] ?? "");
  if (transactionId.id === null) warn("missing-transaction-id");
  const messageId = normaliseId(fields.of("messageId").values[0] ?? "");
  if (messageId.id === null) warn("missing-message-id");
  if (messageId.bracketed) warn("message-id-in-angle-brackets");

  return ok({
    kind: pdu.kind,
    messageId: messageId.id,
    transactionId: transactionId.id,
    ...(pdu.kind === "forward-response" ? NO_PARTIES : readParties(fields, { rules, decodeWords, warn })),
    requestRecipients:
      pdu.kind === "forward-response" ? readRequestRecipients(fields, { rules, decodeWords, warn }) : [],
    statuses: statuses.values,
    rivalStatuses: statuses.rivals,
    statusExtension: fields.of("statusExtension").values[0] ?? null,
    codes,
    handledAt: readHandledAt(fields, warn),
    raw: fields.raw,
    warnings: [...warnings],
  });
}

/** The ids of any PDU, whether it makes a report or not. One that no event may have is null. */
export function readIds({ fields }: OpenMessage): Pick<Report, "messageId" | "transactionId"> {
  const idOf = (property: FieldProperty): string | null => {
    const { id } = normaliseId(fields.of(property).values[0] ?? "");
    return id !== null && id.length > BOUNDS.idLength.value ? null : id;
  };
  return { messageId: idOf("messageId"), transactionId: idOf("transactionId") };
}

type Warn = (warning: Warning) => void;

/** Fields that a report says once. Of several that differ the first is taken: a relay adds its own behind. */
const SAID_ONCE: readonly FieldProperty[] = [
  "messageType",
  "version",
  "transactionId",
  "messageId",
  "statusExtension",
  "date",
  "from",
  "to",
];

const NO_PARTIES = { recipient: null, originator: null };

/**
 * A status without a type is a broken report, and worth keeping. Without either it
 * is some other mail; only bounces of what we have sent are expected. RFC 3464 §2.
 * Those that do not say so in their type are known by our id: see receiver.ts.
 */
function kindOfOther({ fields }: Header): "unknown-type" | "bounce" | "not-mm4" {
  if (fields.some(({ key, bytes }) => STATUS_KEYS.includes(key) && bytes !== "")) return "unknown-type";
  const contentType = fields.find(({ key }) => key === "content-type")?.bytes ?? "";
  const bounced =
    /^multipart\/report\s*;/i.test(contentType) && /;\s*report-type\s*=\s*"?delivery-status\b/i.test(contentType);
  return bounced ? "bounce" : "not-mm4";
}

/** 3GPP TS 23.140 §8.4.6: a version is compared by its major number. It decides nothing here. */
function readVersion(fields: ReadFields, warn: Warn): void {
  const version = fields.of("version").values[0];
  if (version === undefined) warn("missing-version");
  else if (!/^"?\d+(?:\.|"?$)/.test(version)) warn("unusual-version");
}

/**
 * An id without its quotes or angle brackets; case kept, never a number.
 *
 * Seen in practice: quoted as the grammar asks (HotMobile, Play, mbuni), bare
 * (Cellcom), in angle brackets (gomsggw), missing (mbuni then reads "001").
 */
function normaliseId(written: string): { id: string | null; bracketed: boolean } {
  const unquoted = without('"', '"', written.trim());
  const id = without("<", ">", unquoted);
  return { id: id === "" ? null : id, bracketed: id !== unquoted };
}

function without(open: string, close: string, text: string): string {
  return text.length >= 2 && text.startsWith(open) && text.endsWith(close) ? text.slice(1, -1).trim() : text;
}

interface AddressContext {
  readonly rules: PeerRules;
  readonly decodeWords: DecodeWords;
  readonly warn: Warn;
}

/** RFC 4356 table 4: From is the recipient of the MM, To its originator. Implementers get this backwards. */
function readParties(fields: ReadFields, context: AddressContext): Pick<Report, "recipient" | "originator"> {
  const [about, sender] = context.rules.swapAddresses ? (["to", "from"] as const) : (["from", "to"] as const);
  return {
    recipient: readOne(fields.of(about).bytes[0], context, {
      missing: "missing-recipient",
      unreadable: "unreadable-recipient",
      several: "several-recipients",
    }),
    originator: readOne(fields.of(sender).bytes[0], context, {
      missing: "missing-originator",
      unreadable: "unreadable-originator",
      several: "several-originators",
    }),
  };
}

interface PartyWarnings {
  readonly missing: Warning;
  readonly unreadable: Warning;
  readonly several: Warning;
}

function readOne(bytes: string | undefined, context: AddressContext, names: PartyWarnings): Party | null {
  const [first, second] = splitAddresses(bytes ?? "", 2);
  if (first === undefined) {
    context.warn(names.missing);
    return null;
  }
  if (second !== undefined) context.warn(names.several);
  const party = readDecoded(first, context);
  if (party.kind === "other") context.warn(names.unreadable);
  return party;
}

function readDecoded(bytes: string, { rules, decodeWords, warn }: AddressContext): Party {
  const { party, withoutPlus } = readParty(decodeValue(bytes, decodeWords).value, rules.nanp);
  if (withoutPlus) warn("number-without-plus");
  return party;
}

/**
 * The recipients a forward response speaks of, each with its own status where
 * one stands behind it. Without one the response's request status holds for it.
 * Beyond the bound one more is read, which tells that there are too many.
 */
function readRequestRecipients(fields: ReadFields, context: AddressContext): readonly RequestRecipient[] {
  return fields
    .of("requestRecipients")
    .bytes.flatMap((list) => splitAddresses(list, MOST_RECIPIENTS))
    .slice(0, MOST_RECIPIENTS)
    .map((entry) => {
      // The status is the last word, behind a blank or a semicolon.
      const cut = Math.max(entry.lastIndexOf(" "), entry.lastIndexOf(";"), entry.lastIndexOf("\t"));
      const word = cut === -1 ? "" : entry.slice(cut + 1);
      const stated = /^(?:Ok|Error-[\w-]+|\d{1,3})$/i.test(word);
      const status = stated ? word : null;
      const address = stated ? withoutSemicolon(entry.slice(0, cut).trim()) : entry;
      return { party: readDecoded(address, context), status };
    });
}

const MOST_RECIPIENTS = BOUNDS.recipients.value + 1;

function withoutSemicolon(text: string): string {
  return text.endsWith(";") ? text.slice(0, -1).trim() : text;
}

function readHandledAt(fields: ReadFields, warn: Warn): string | null {
  const written = fields.of("date").values[0];
  if (written === undefined) {
    warn("missing-date");
    return null;
  }
  const { at, warning } = readDate(written);
  if (warning) warn(warning);
  return at;
}
