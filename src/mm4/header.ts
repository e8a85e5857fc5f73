/**
 * Reads the header of one MM4 message: bytes → header fields.
 *
 * Pure. It is our own reader because the status of an MM depends on it: mailparser
 * loses addresses without a domain, and does not decode the encoded words of X-Mms
 * fields. Time and memory are linear in the input, and the input is bounded.
 *
 * Sources: RFC 5322 §2.2 (fields), §2.2.3 (folding), §4.5 (obsolete syntax);
 * RFC 2047 (encoded words); 3GPP TS 23.140 §8.4.4 (message format on MM4).
 */
import type { Warning } from "../delivery/warning.ts";
import { ok, type Result } from "../result.ts";
import { wordsAreDecodable, wordsBegun } from "./encoded-words.ts";
import { colonOf, endOfName, HeaderLines, type MessageBytes, trimBlanks } from "./header-lines.ts";

export interface HeaderLimits {
  /** Longest header read. */
  readonly bytes: number;
  /** Most fields read. */
  readonly fields: number;
}

export interface HeaderField {
  /** The name as written. */
  readonly name: string;
  /** The name in lower case, for comparison. */
  readonly key: string;
  /** The value, unfolded and trimmed, one character a byte, as a response must echo it. */
  readonly bytes: string;
  /**
   * The same when the value is one token: folds in its middle leave no blank.
   * Seen in practice: relays that fold at a column, whatever stands there.
   */
  readonly token: string;
  /** The same as `bytes`, with a line feed where it was folded. */
  readonly folded: string;
}

export interface Header {
  readonly fields: readonly HeaderField[];
  /** How many of the message's bytes it takes, with the empty line that ends it. */
  readonly bytes: number;
  readonly warnings: readonly Warning[];
}

export type HeaderProblem =
  | { readonly kind: "header-too-large"; readonly limitBytes: number }
  | { readonly kind: "too-many-fields"; readonly limit: number };

/**
 * Reads all fields up to the first empty line or the end of the data.
 *
 * Fails only when the header has more bytes or more fields than the limits allow.
 * A line that is no field is passed over with a warning.
 *
 * Seen in practice: LF alone, a byte-order mark before the first field, no
 * space after the colon, no empty line before the end, a folded value that
 * ends in a line of blanks.
 */
export function readHeader(message: MessageBytes, limits: HeaderLimits): Result<Header, HeaderProblem> {
  return readHeaderFields(message, limits, null);
}

/** Which fields are read of a header. */
export interface WantedFields {
  /** Their names in lower case. */
  readonly keys: ReadonlySet<string>;
  /** Which lengths these have: most lines are passed over by the length of their names. */
  readonly lengths: readonly boolean[];
}

/** As {@link readHeader}, but only these fields. A line that is no field has its warning only where all are read. */
export function readHeaderFields(
  message: MessageBytes,
  limits: HeaderLimits,
  wanted: WantedFields | null,
): Result<Header, HeaderProblem> {
  const lines = new HeaderLines(message, limits);
  const fields: HeaderField[] = [];
  let field: HeaderField | null = null;
  /** Its lines, where it has several. */
  let folded: string[] = [];
  let malformed = false;
  while (lines.next()) {
    if (lines.goesOn) {
      if (!field) malformed = true;
      else {
        if (folded.length === 0) folded.push(field.bytes);
        folded.push(trimBlanks(lines.text, lines.start, lines.end));
      }
      continue;
    }
    if (field && folded.length > 0) {
      fields[fields.length - 1] = unfolded(field, folded);
      folded = [];
    }
    field = beginField(lines, wanted);
    if (field) fields.push(field);
    else malformed = true;
  }
  if (field && folded.length > 0) fields[fields.length - 1] = unfolded(field, folded);

  const ends = lines.ends();
  if (!ends.ok) return ends;
  const { bytes, ended, byteOrderMark } = ends.value;
  const warnings: Warning[] = [];
  if (byteOrderMark) warnings.push("byte-order-mark");
  if (malformed && wanted === null) warnings.push("malformed-header-line");
  if (!ended) warnings.push("no-end-of-header");
  return ok({ fields, bytes, warnings });
}

/** The field that a line begins; null when it begins none, or one that is not wanted. */
function beginField({ text, start, end }: HeaderLines, wanted: WantedFields | null): HeaderField | null {
  const colon = colonOf(text, start, end);
  if (colon === -1) return null;
  const nameEnd = endOfName(text, start, colon);
  if (wanted && !wanted.lengths[nameEnd - start]) return null;
  const usual = usualName(text, start, nameEnd);
  const name = usual?.name ?? text.slice(start, nameEnd);
  const key = usual?.key ?? keyOf(name);
  if (key === null || (wanted && !wanted.keys.has(key))) return null;
  const bytes = trimBlanks(text, colon + 1, end);
  return { name, key, bytes, token: bytes, folded: bytes };
}

/** A field of several lines. A fold and the blanks around it become one blank, so that a value reads the same after a relay has folded it anew. */
function unfolded({ name, key }: HeaderField, lines: readonly string[]): HeaderField {
  const bytes = lines.join(" ");
  return { name, key, bytes: trimBlanks(bytes, 0, bytes.length), token: lines.join(""), folded: lines.join("\n") };
}

/** Null for what is no name of a field. */
function keyOf(name: string): string | null {
  return FIELD_NAME.test(name) ? name.toLowerCase() : null;
}

/** The name that stands there, if it is a usual one in its usual spelling. */
function usualName(text: string, start: number, end: number): UsualName | undefined {
  const names = USUAL_NAMES[end - start];
  if (names !== undefined) for (const usual of names) if (text.startsWith(usual.name, start)) return usual;
  return undefined;
}

interface UsualName {
  readonly name: string;
  /** In lower case. */
  readonly key: string;
}

/**
 * The names that most relays write, in their spelling, by their lengths, because most of what a header costs would be
 * to take its names out and to make their letters small.
 */
const USUAL_NAMES: readonly (readonly UsualName[])[] = byLength(
  [
    "Received",
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Sender",
    "MIME-Version",
    "Content-Type",
    "X-Mms-3GPP-MMS-Version",
    "X-Mms-Message-Type",
    "X-Mms-Transaction-ID",
    "X-Mms-Message-ID",
    "X-Mms-MM-Status-Code",
    "X-Mms-MM-Status-Extension",
    "X-Mms-Status-Text",
    "X-Internal-Status-Code",
    "X-Mms-Request-Status-Code",
    "X-Mms-Read-Status",
    "X-Mms-Request-Recipients",
    "X-Mms-Ack-Request",
    "X-Mms-Originator-System",
  ].map((name) => ({ name, key: name.toLowerCase() })),
);

function byLength(names: readonly UsualName[]): UsualName[][] {
  const rows: UsualName[][] = [];
  for (const usual of names) {
    while (rows.length <= usual.name.length) rows.push([]);
    rows[usual.name.length]?.push(usual);
  }
  return rows;
}

/**
 * Decodes RFC 2047 encoded words in a text; null when they must stay as written.
 * The caller hands it in, because the tables of charsets are in a package.
 */
export type DecodeWords = (text: string) => string | null;

/**
 * Decodes so many words at most: a text that would need more stays as written.
 *
 * Make one for each message. A word costs as much as hundreds of plain characters,
 * even if it is short, and a header may hold thousands.
 */
export function decodeAtMost(words: number, decodeWords: DecodeWords): DecodeWords {
  let left = words;
  return (text) => {
    const begun = wordsBegun(text, left + 1);
    if (begun > left) return null;
    left -= begun;
    return decodeWords(text);
  };
}

export interface DecodedValue {
  readonly value: string;
  readonly warnings: readonly Warning[];
}

/**
 * The text of a field's bytes: UTF-8, or Latin-1 where it is not UTF-8;
 * encoded words decoded; control characters removed, a tab made a blank.
 *
 * Never fails: when one encoded word cannot be decoded, the whole value stays as written.
 */
export function decodeValue(bytes: string, decodeWords: DecodeWords): DecodedValue {
  return isPlain(bytes) ? { value: bytes, warnings: [] } : decodeBytes(bytes, decodeWords);
}

/** Whether a field's text is its bytes. */
export function isPlain(bytes: string): boolean {
  return PLAIN.test(bytes) && !bytes.includes("=?");
}

function decodeBytes(bytes: string, decodeWords: DecodeWords): DecodedValue {
  const warnings: Warning[] = [];
  let value = bytes;
  if (NOT_ASCII.test(bytes)) {
    value = readUtf8(bytes) ?? bytes;
    if (value === bytes) warnings.push("not-utf-8");
  }
  if (value.includes("=?")) {
    const decoded = decodeWords(value);
    // When they stay as written, they are not checked either.
    if (decoded === null || decoded.includes(REPLACEMENT) || !wordsAreDecodable(value)) {
      warnings.push("undecodable-word");
    } else value = decoded;
  }
  value = value.replaceAll("\t", " ");
  // After decoding, because an encoded word can hold a line break too.
  if (CONTROL.test(value)) {
    value = value.replace(CONTROLS, "");
    warnings.push("control-characters-removed");
  }
  return { value: value.trim(), warnings };
}

/** The text of bytes in UTF-8, given as one character a byte; undefined when they are not UTF-8. */
export function readUtf8(bytes: string): string | undefined {
  const text = Buffer.from(bytes, "latin1").toString();
  // An error costs as much as hundreds of characters, and each field may cause one.
  if (!text.includes(REPLACEMENT)) return text;
  if (!bytes.includes(REPLACEMENT_BYTES)) return undefined;
  try {
    return UTF_8.decode(Buffer.from(bytes, "latin1"));
  } catch {
    return undefined;
  }
}

/** Decoders write it in place of bytes that make no character. */
const REPLACEMENT = "\ufffd";
const REPLACEMENT_BYTES = "\u00ef\u00bf\u00bd";
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const PLAIN = /^[\x20-\x7e]*$/;
const NOT_ASCII = /[\x80-\xff]/;
const CONTROL = /\p{Cc}/u;
const CONTROLS = /\p{Cc}/gu;
// RFC 5322 §3.6.8: printable ASCII but the colon.
const FIELD_NAME = /^[\x21-\x39\x3b-\x7e]+$/;
