/**
 * Reads a bounce: it says what became of a response that an MMSC had taken, or
 * refused. The reader is our own: its bytes are bounded and each step is linear in
 * them. mailparser needs 50 ms for a hostile bounce, and a peer may send hundreds a
 * second. RFC 3462, RFC 3464.
 */
import { setImmediate as turn } from "node:timers/promises";
import { BOUNDS } from "../bounds/bounds.ts";
import { type HeaderField, type HeaderLimits, readHeader } from "../mm4/header.ts";
import { findOwnId, readOwnId } from "../mm4/own-mail-id.ts";
import { boundaryIn, decodeBody } from "./mime.ts";

export interface ReadBounce {
  /** Id of the acknowledgement that bounced; null when the bounce names none that we sent. */
  readonly acknowledgementId: string | null;
  /** RFC 3464 §2.3.3. */
  readonly action: string;
  /** RFC 3463. */
  readonly status: string | null;
  readonly diagnostic: string | null;
}

const MAX_TEXT_LENGTH = 500;
/** Limits of a part's own header. */
const PART_LIMITS = { bytes: 8_192, fields: 100 };
const MAX_TYPE_LENGTH = 1_000;
/** Limits of the fields that a part holds in its body. */
const LIMITS = { bytes: BOUNDS.bounceBytes.value, fields: 1_000 };
/** RFC 2046 §5.1.1: 70 characters, and the hyphens around them. */
const LONGEST_DELIMITER = 80;
/** RFC 3464 §2, RFC 6533 §4. */
const STATUS_TYPES = ["message/delivery-status", "message/global-delivery-status"];
const RETURNED_TYPES = ["text/rfc822-headers", "message/rfc822", "message/global-headers", "message/global"];

let before: Promise<unknown> = Promise.resolve();

/**
 * Never fails: what cannot be read is `unknown`. `domain` is the domain in the ids of
 * our own mails. Bounces are read one at a time, so that other work runs in between.
 */
export function readBounce(bytes: Uint8Array, domain: string): Promise<ReadBounce> {
  const reading = before.then(() => turn()).then(() => readNow(bytes, domain));
  before = reading.catch(() => {}); // The caller hears of it.
  return reading;
}

function readNow(bytes: Uint8Array, domain: string): ReadBounce {
  const text = Buffer.from(bytes.subarray(0, BOUNDS.bounceBytes.value)).toString("latin1");
  const { top, parts } = splitParts(text);
  const bodyOf = (types: readonly string[]): string => parts.find(({ type }) => types.includes(type))?.body ?? "";
  const status = fieldsIn(inOneGroup(bodyOf(STATUS_TYPES)));
  const returned = messageIdIn(said(fieldsIn(bodyOf(RETURNED_TYPES)), "message-id") ?? "");
  const words = inWords(top, parts);
  const hasFields = status.length > 0;
  return {
    acknowledgementId:
      findId({ status, returned, top }) ?? (returned === null ? findAnywhere(text, parts, domain) : null) ?? null,
    action: hasFields ? actionIn(said(status, "action") ?? "") : actionOf(words),
    status: STATUS.exec((hasFields ? said(status, "status") : words.reply) ?? "")?.[0] ?? null,
    diagnostic: said(status, "diagnostic-code") ?? words.reply,
  };
}

function actionIn(written: string): string {
  return /^[a-z]+/.exec(written.toLowerCase())?.[0] ?? "unknown";
}

/** A server that bounces a mail names that mail in one of these fields. RFC 3464 §2.2.1, §3; RFC 5322 §3.6.4. */
function findId({
  status,
  returned,
  top,
}: {
  readonly status: readonly HeaderField[];
  readonly returned: string | null;
  readonly top: readonly HeaderField[];
}): string | undefined {
  const named = [
    said(status, "original-envelope-id"),
    returned,
    said(top, "in-reply-to"),
    ...(said(top, "references") ?? "").split(" "),
  ];
  return named.map((text) => readOwnId(text ?? "")).find((id) => id !== undefined);
}

/** Finds a message id among other things, such as a comment; null when there is none. RFC 5322 §3.6.4. */
function messageIdIn(written: string): string | null {
  return /<[^<>\s]+>/.exec(written)?.[0] ?? /^[^\s@]+@[^\s@]+$/.exec(written)?.[0] ?? null;
}

/** Looks in the text as it came, and in the decoded parts. */
function findAnywhere(text: string, parts: readonly Part[], domain: string): string | undefined {
  const decoded = parts.filter((part) => part.encoded).map((part) => part.body);
  return [text, ...decoded].map((one) => findOwnId(one, domain)).find((id) => id !== undefined);
}

function said(fields: readonly HeaderField[], key: string): string | null {
  return fields.find((field) => field.key === key)?.bytes.slice(0, MAX_TEXT_LENGTH) ?? null;
}

interface Part {
  /** In lower case, such as `message/delivery-status`. */
  readonly type: string;
  /** Decoded. */
  readonly body: string;
  /** Whether decoding has changed the body. */
  readonly encoded: boolean;
}

/**
 * Splits a mail into its own header fields and its parts, in order. Parts within
 * parts are in the same list. A mail that is no multipart has one part. RFC 2046 §5.1.
 */
function splitParts(text: string): { readonly top: readonly HeaderField[]; readonly parts: readonly Part[] } {
  const top = openPart(text, LIMITS);
  const delimiters = new Set<string>();
  const parts: Part[] = [];
  let open: OpenPart | undefined;
  const begin = (part: OpenPart, from: number): void => {
    if (part.boundary !== undefined) delimiters.add(`--${part.boundary}`);
    open = part.boundary === undefined ? { ...part, bodyAt: from + part.bodyAt } : undefined;
  };
  const end = (at: number): void => {
    if (open) {
      const written = text.slice(open.bodyAt, Math.max(open.bodyAt, at));
      const body = decodeBody(written, open.encoding);
      parts.push({ type: open.type, body, encoded: body !== written });
    }
    open = undefined;
  };
  begin(top, 0);
  let begun = 0;
  for (
    let at = text.indexOf("\n--", top.bodyAt - 1);
    at !== -1 && delimiters.size > 0;
    at = text.indexOf("\n--", at + 1)
  ) {
    const lineEnd = text.indexOf("\n", at + 1);
    const next = lineEnd === -1 ? text.length : lineEnd + 1;
    if (next - at > LONGEST_DELIMITER) continue;
    const line = text.slice(at + 1, next).trimEnd();
    const ends = line.endsWith("--") && delimiters.has(line.slice(0, -2));
    if (!ends && !delimiters.has(line)) continue;
    end(at);
    if (ends) continue;
    if (begun >= BOUNDS.bounceParts.value) break;
    begun += 1;
    begin(openPart(text.slice(next, next + PART_LIMITS.bytes), PART_LIMITS), next);
  }
  end(text.length);
  return { top: top.fields, parts };
}

interface OpenPart {
  readonly fields: readonly HeaderField[];
  readonly type: string;
  /** Undefined for a part that is no multipart. */
  readonly boundary: string | undefined;
  /** The value of its Content-Transfer-Encoding. RFC 2045 §6.1. */
  readonly encoding: string;
  /** Where its body begins in the text. */
  readonly bodyAt: number;
}

/** Reads the header that a text begins with. */
function openPart(text: string, limits: HeaderLimits): OpenPart {
  const bodyAt = endOfHeader(text);
  const header = readHeader(Buffer.from(text.slice(0, bodyAt), "latin1"), limits);
  const fields = header.ok ? header.value.fields : [];
  const written = (fields.find(({ key }) => key === "content-type")?.bytes ?? "").slice(0, MAX_TYPE_LENGTH);
  const encoding = said(fields, "content-transfer-encoding") ?? "";
  const type = /^[^\s;]+/.exec(written)?.[0]?.toLowerCase() ?? "text/plain";
  return { fields, type, boundary: type.startsWith("multipart/") ? boundaryIn(written) : undefined, encoding, bodyAt };
}

function endOfHeader(text: string): number {
  // A part without a header begins with its empty line. RFC 2046 §5.1.
  if (/^\r?\n/.test(text)) return text.indexOf("\n") + 1;
  const end = /\r?\n\r?\n/.exec(text);
  return end ? end.index + end[0].length : text.length;
}

/** Joins the groups of fields of a part into one group. RFC 3464 §2.1. */
function inOneGroup(body: string): string {
  return withoutEmptyLines(body).replace(/\n(?:\r?\n)+/g, "\n");
}

/** Reads the fields up to the first empty line, because the returned mail's text follows it. */
function fieldsIn(body: string): readonly HeaderField[] {
  const header = readHeader(Buffer.from(withoutEmptyLines(body), "latin1"), LIMITS);
  return header.ok ? header.value.fields : [];
}

function withoutEmptyLines(body: string): string {
  return body.replace(/^(?:\r?\n)+/, "");
}

/** What a bounce says to people: its subject, and its text before the returned mail. */
interface Words {
  readonly said: string;
  /** The first line that holds a server's reply. */
  readonly reply: string | null;
}

/** The words for people are at the beginning, so no more than this is read. */
const MAX_WORDS_LENGTH = 4_000;

function inWords(top: readonly HeaderField[], parts: readonly Part[]): Words {
  const body = (parts.find(({ type }) => type === "text/plain")?.body ?? "").slice(0, MAX_WORDS_LENGTH);
  const returnedAt = body.search(RETURNED);
  const text = returnedAt === -1 ? body : body.slice(0, returnedAt);
  const reply = text.split("\n").find((line) => REPLY.test(line));
  return {
    said: `${said(top, "subject") ?? ""}\n${text}`.replace(/\s+/g, " "),
    reply: reply?.trim().slice(0, MAX_TEXT_LENGTH) ?? null,
  };
}

/** Where the returned mail begins: at one of our header fields, or at a field that relays put before them. */
const RETURNED = /^[ \t>|]*(?:return-path|received|x-mms-[a-z0-9-]+|message-id):/im;
/** RFC 5321 §4.2, RFC 3463: a reply with both codes anywhere in a line, or with one code at its beginning. */
const REPLY = /(?:^|[^\d.])[45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b|^[ \t<>]*[45]\d\d[ -]\S/;
const STATUS = /\b[245]\.\d{1,3}\.\d{1,3}\b/;

/**
 * The action that a bounce without fields reports, where its words are certain. A warning
 * that the mail is late is no failure, although it often says what went wrong as well.
 *
 * Seen in practice: dma, qmail, sendmail with `SendMimeErrors=False`, and Exim
 * before 4.83 write only text.
 */
function actionOf({ said: words }: Words): string {
  return FAILED.some((phrase) => phrase.test(words)) && !NOT_YET.some((phrase) => phrase.test(words))
    ? "failed"
    : "unknown";
}

const FAILED: readonly RegExp[] = [
  /\bpermanent (?:fatal )?errors?\b/i,
  /\bthere was an error delivering your mail\b/i,
  /\bwasn't able to deliver\b/i,
  /\b(?:could not|cannot|can't|couldn't) be delivered\b/i,
  /\bundeliver(?:able|ed mail)\b/i,
  /\bdelivery (?:has )?failed\b/i,
  /\bfailure notice\b/i,
  /\bdelivery status notification \(failure\)/i,
];

const NOT_YET: readonly RegExp[] = [
  /^\W*warning\b/i,
  /\bwarning message only\b/i,
  /\bdelay(?:ed)?\b/i,
  /\bnot yet been delivered\b/i,
  /\bstill (?:being |un)/i,
  /\bwill (?:be retried|keep|try|continue|still)\b/i,
  /\battempts? will continue\b/i,
  /\btemporary (?:error|failure)s? (?:only|so far)\b/i,
];
