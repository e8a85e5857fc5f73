/**
 * Reads one MM4 message into a {@link Report}, or says why that is not possible.
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
import type { Party, RequestRecipient } from "../delivery/party.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import type { Problem } from "../delivery/problem.ts";
import type { Report } from "../delivery/report.ts";
import type { Warning } from "../delivery/warning.ts";
import { ok, type Result } from "../result.ts";
import { type ReadParty, readParty, readUsualParty } from "./address.ts";
import { splitAddresses } from "./address-list.ts";
import { readDate } from "./date.ts";
import { type FieldProperty, fieldsIn, type ReadFields, readFields, valuesIn } from "./fields.ts";
import { hasTypeLine } from "./has-type-line.ts";
import {
  type DecodeWords,
  decodeAtMost,
  decodeValue,
  type Header,
  type HeaderField,
  type HeaderLimits,
  type HeaderProblem,
  readHeader,
} from "./header.ts";
import type { MessageBytes } from "./header-lines.ts";
import { findReportKind, STATUS_OF } from "./report-kind.ts";
import { asSaid, isDoubtful, readUnfolded } from "./unfold.ts";

/** What reading needs besides the message and its peer's rules. */
export interface MessageReading {
  readonly decodeWords: DecodeWords;
  readonly headerLimits: HeaderLimits;
}

/** A message whose header is read, but not yet interpreted. */
export interface OpenMessage {
  readonly header: Header;
  readonly fields: ReadFields;
  /** Whether it has no MM4 type in its header, but one further down. */
  readonly typeOutsideHeader: boolean;
}

export function openMessage(
  message: MessageBytes,
  { decodeWords, headerLimits }: MessageReading,
): Result<OpenMessage, HeaderProblem> {
  const header = readHeader(message, headerLimits);
  if (!header.ok) return header;
  return ok(openFields(header.value, message, decodeWords));
}

/** A message of whose header these fields are known. */
export function openFields(header: Header, message: MessageBytes, decodeWords: DecodeWords): OpenMessage {
  const fields = readFields(header, ofOneMessage(decodeWords));
  const hasType = fields.of("messageType").first !== undefined;
  return { header, fields, typeOutsideHeader: !hasType && hasTypeLine(message) };
}

export function readReport(
  opened: OpenMessage,
  rules: PeerRules,
  reading: Pick<MessageReading, "decodeWords">,
): Result<Report, Problem> {
  const found = findReportKind(opened);
  if (!found.ok) return found;
  const kind = found.value;
  const { fields } = opened;
  const statuses = fields.of(STATUS_OF[kind]);
  const codes = readCodes(fields);

  const warnings = [...fields.warnings];
  const warn: Warn = (warning) => {
    if (!warnings.includes(warning)) warnings.push(warning);
  };
  if (/\s/.test(fields.of("messageType").first ?? "")) warn("folded-token");
  for (const property of SAID_ONCE) {
    const { several } = fields.of(property);
    if (several !== null && new Set(several.values).size > 1) warn("duplicate-header");
  }
  readVersion(fields, warn);
  if (codes.folded) warn("folded-token");
  if (kind !== "forward-response" && fields.of("requestStatusCode").first !== undefined)
    warn("request-status-in-report");

  // A new count for addresses: their words were counted once already, when whole fields were decoded for `raw`.
  const decodeWords = ofOneMessage(reading.decodeWords);
  const { messageId, transactionId } = readIdsOf(fields, warn);
  if (transactionId === null) warn("missing-transaction-id");
  if (messageId === null) warn("missing-message-id");

  return ok({
    kind,
    messageId,
    transactionId,
    ...(kind === "forward-response" ? NO_PARTIES : readParties(fields, { rules, decodeWords, warn })),
    requestRecipients: kind === "forward-response" ? readRequestRecipients(fields, { rules, decodeWords, warn }) : [],
    statuses: valuesIn(statuses),
    rivalStatuses: statuses.rivals,
    statusExtension: fields.of("statusExtension").first ?? null,
    codes: codes.values,
    handledAt: readHandledAt(fields, warn),
    raw: fields.raw(),
    warnings,
  });
}

function ofOneMessage(decodeWords: DecodeWords): DecodeWords {
  return decodeAtMost(BOUNDS.encodedWords.value, decodeWords);
}

/** The ids of any PDU, whether it makes a report or not. An id that is too long for an event is null. */
export function readIds({ fields }: OpenMessage): Pick<Report, "messageId" | "transactionId"> {
  const fitting = (id: string | null): string | null => (id !== null && id.length > BOUNDS.idLength.value ? null : id);
  const { messageId, transactionId } = readIdsOf(fields, () => {});
  return { messageId: fitting(messageId), transactionId: fitting(transactionId) };
}

type Warn = (warning: Warning) => void;

/** Fields that a report has once. When there are several, the first counts, because a relay adds its own after it. */
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

/** 3GPP TS 23.140 §8.4.6: versions are compared by their major number. Reading does not depend on it. */
function readVersion(fields: ReadFields, warn: Warn): void {
  const version = fields.of("version").first;
  if (version === undefined) warn("missing-version");
  else if (!/^"?\d+(?:\.|"?$)/.test(version)) warn("unusual-version");
}

function readIdsOf(fields: ReadFields, warn: Warn): Pick<Report, "messageId" | "transactionId"> {
  const transactionId = readId(fields, "transactionId", warn);
  const messageId = readId(fields, "messageId", warn);
  if (messageId.bracketed) warn("message-id-in-angle-brackets");
  return { messageId: messageId.id, transactionId: transactionId.id };
}

/**
 * An id without its quotes or angle brackets. Its case is kept, and it is never read as a number.
 *
 * Seen in practice: quoted as the grammar asks (HotMobile, Play, mbuni), bare
 * (Cellcom), in angle brackets (gomsggw), missing (mbuni then reads "001"), folded
 * in its middle, with one of its two quotes lost.
 */
function readId(
  fields: ReadFields,
  property: "messageId" | "transactionId",
  warn: Warn,
): { id: string | null; bracketed: boolean } {
  const { text, folded } = fields.token(property);
  const unquoted = without('"', '"', text.trim());
  const bare = without("<", ">", unquoted.text);
  const id = bare.text === "" ? null : bare.text;
  if (unquoted.unpaired || bare.unpaired) warn("unpaired-quote");
  if (folded) warn("folded-token");
  if (id?.includes(" ")) warn("blank-in-id");
  return { id, bracketed: bare.text !== unquoted.text };
}

/** Without the pair around it, or the one that is left of the pair. */
function without(open: string, close: string, text: string): { text: string; unpaired: boolean } {
  const [opened, closed] = [text.startsWith(open), text.endsWith(close)];
  if (opened && closed && text.length >= 2) return { text: text.slice(1, -1).trim(), unpaired: false };
  const inside = text.slice(opened ? 1 : 0, closed && !opened ? -1 : undefined);
  const unpaired = (opened || closed) && !inside.includes(open) && !inside.includes(close);
  return { text: unpaired ? inside.trim() : text, unpaired };
}

/** The codes as written. A code that is folded between its digits is joined. */
function readCodes(fields: ReadFields): { values: readonly string[]; folded: boolean } {
  const codes = fields.of("internalStatusCode");
  const said = fieldsIn(codes);
  const isFolded = ({ bytes, token }: HeaderField): boolean => bytes !== token && /^"?\d{2,4}"?$/.test(token);
  if (!said.some(isFolded)) return { values: valuesIn(codes), folded: false };
  const values = valuesIn(codes).map((value, index) => {
    const field = said[index];
    return field && isFolded(field) ? field.token : value;
  });
  return { values, folded: true };
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
    recipient: readOne(fields.of(about).field, context, {
      missing: "missing-recipient",
      unreadable: "unreadable-recipient",
      several: "several-recipients",
    }),
    originator: readOne(fields.of(sender).field, context, {
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

function readOne(field: HeaderField | undefined, context: AddressContext, names: PartyWarnings): Party | null {
  const usual = field ? readUsualParty(field.folded) : null;
  if (usual) return usual;
  const [first, second] = splitAddresses(field?.folded ?? "", 2).addresses;
  if (first === undefined) {
    context.warn(names.missing);
    return null;
  }
  const read = readListed(first, context, { mayJoinDigits: true });
  if (second !== undefined) context.warn(names.several);
  if (read.party.kind === "other") context.warn(names.unreadable);
  return accept(read, context);
}

/** The address as written. When that is doubtful and becomes certain without its folds, the address without them. */
function readListed(entry: string, context: AddressContext, { mayJoinDigits }: { mayJoinDigits: boolean }): ReadParty {
  const said = readDecoded(asSaid(entry), context);
  const unfolded = isDoubtful(said) ? readUnfolded(entry, (text) => readDecoded(text, context), mayJoinDigits) : null;
  if (unfolded === null) return said;
  return {
    party: { ...unfolded.party, raw: said.party.raw },
    warnings: [...unfolded.warnings, "folded-token"],
  };
}

function readDecoded(bytes: string, { rules, decodeWords }: AddressContext): ReadParty {
  return readParty(decodeValue(bytes, decodeWords).value, rules);
}

function accept({ party, warnings }: ReadParty, { warn }: AddressContext): Party {
  for (const warning of warnings) warn(warning);
  return party;
}

/**
 * The recipients that a forward response names, each with the status that follows
 * it. A recipient without one has the request status of the response. One recipient
 * more than the bound is read, to show that there are too many.
 */
function readRequestRecipients(fields: ReadFields, context: AddressContext): readonly RequestRecipient[] {
  const all = fieldsIn(fields.of("requestRecipients")).flatMap((field) => {
    const { addresses, withoutCommas } = splitAddresses(field.folded, MOST_RECIPIENTS);
    if (withoutCommas) context.warn("recipients-without-commas");
    return addresses.map((entry) => {
      const { read, status } = readRequestRecipient(entry, context);
      if (read.party.kind === "other") context.warn("unreadable-request-recipient");
      return { party: accept(read, context), status };
    });
  });
  return all.slice(0, MOST_RECIPIENTS);
}

interface ReadRequestRecipient {
  readonly read: ReadParty;
  readonly status: string | null;
}

/**
 * The status is the last word, after a blank or a semicolon: a documented word, or any word when the rest is
 * an address. A fold may stand before a status and also within an address: a word that could be the status and
 * the domain is taken for neither.
 */
function readRequestRecipient(entry: string, context: AddressContext): ReadRequestRecipient {
  const list = { mayJoinDigits: false };
  const cut = Math.max(...[" ", ";", "\t", "|", "\n"].map((separator) => entry.lastIndexOf(separator)));
  const status = entry.slice(cut + 1);
  const before = withoutSemicolon(entry.slice(0, Math.max(cut, 0)).trim());
  const isFolded = entry.charAt(cut) === "\n";
  const isError = /^(?:Error-[\w-]+)$/i.test(status);
  const isDocumented = isError || /^(?:Ok|\d{1,3})$/i.test(status);
  const goesOn = !isError && (isFolded || !isDocumented) && /[.@=/-]$/.test(before);
  if (before === "" || goesOn || !/^(?:[a-z][\w-]*|\d{1,3})$/i.test(status)) {
    return { read: readListed(entry, context, list), status: null };
  }
  const read = readListed(before, context, list);
  if (isError || (isDocumented && !isDoubtful(read)) || /^Ok$/i.test(status)) return { read, status };

  const said = readDecoded(asSaid(entry), context);
  const whole = readListed(entry, context, list);
  if (!isDoubtful(said) || isDoubtful(read)) return { read: whole, status: null };
  const mayBeDomain = isFolded && !isDoubtful(whole) && /^[a-z]/.test(status);
  return mayBeDomain ? { read: said, status: null } : { read, status };
}

const MOST_RECIPIENTS = BOUNDS.recipients.value + 1;

function withoutSemicolon(text: string): string {
  return text.endsWith(";") ? text.slice(0, -1).trim() : text;
}

function readHandledAt(fields: ReadFields, warn: Warn): string | null {
  const written = fields.of("date").first;
  if (written === undefined) {
    warn("missing-date");
    return null;
  }
  const asSaid = readDate(written);
  const { text, folded } = fields.token("date");
  const unfolded = asSaid.at === null && folded ? readDate(text) : asSaid;
  const { at, warning } = unfolded.at === null ? asSaid : unfolded;
  if (at !== null && asSaid.at === null) warn("folded-token");
  if (warning) warn(warning);
  return at;
}
