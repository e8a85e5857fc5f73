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
import { BOUNDS } from "../bounds/bounds.ts";
import type { Warning } from "../delivery/warning.ts";
import { ok, type Result } from "../result.ts";
import { colonOf, endOfName, readHeaderLines, trimBlanks } from "./header-lines.ts";

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
export function readHeader(message: Uint8Array, limits: HeaderLimits): Result<Header, HeaderProblem> {
  const warnings = new Set<Warning>();
  const fields: HeaderField[] = [];
  let open: OpenField | undefined;
  const lines = readHeaderLines(message, limits, {
    begin: (text, start, end) => {
      if (open) fields.push(closeField(open));
      open = beginField(text, start, end);
      if (!open) warnings.add("malformed-header-line");
    },
    goOn: (text, start, end) => {
      if (open) open.lines.push(text.slice(start, end));
      else warnings.add("malformed-header-line");
    },
  });
  if (!lines.ok) return lines;
  if (open) fields.push(closeField(open));

  const { bytes, ended, byteOrderMark } = lines.value;
  return ok({
    fields,
    bytes,
    warnings: [
      ...(byteOrderMark ? (["byte-order-mark"] as const) : []),
      ...warnings,
      ...(ended ? [] : (["no-end-of-header"] as const)),
    ],
  });
}

/** A field whose lines may go on. */
export interface OpenField {
  readonly name: string;
  /** What is behind its colon, and the lines that go on with it. */
  readonly lines: string[];
}

export function closeField({ name, lines }: OpenField): HeaderField {
  const key = name.toLowerCase();
  if (lines.length === 1) {
    const bytes = trimBlanks(lines[0] ?? "");
    return { name, key, bytes, token: bytes, folded: bytes };
  }
  // A fold and the blanks around it become one blank, so that a value reads the same after a relay has folded it anew.
  const trimmed = lines.map(trimBlanks);
  return {
    name,
    key,
    bytes: trimBlanks(trimmed.join(" ")),
    token: trimmed.join(""),
    folded: trimmed.join("\n"),
  };
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
  if (PLAIN.test(bytes) && !bytes.includes("=?")) return { value: bytes, warnings: [] };

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

function beginField(text: string, start: number, end: number): OpenField | undefined {
  const colon = colonOf(text, start, end);
  if (colon === -1) return undefined;
  const name = text.slice(start, endOfName(text, start, colon));
  if (!FIELD_NAME.test(name)) return undefined;
  return { name, lines: [text.slice(colon + 1, end)] };
}

/**
 * Whether each encoded word has a known charset and, in base64, no other characters.
 * A decoder would drop without a word what it cannot read.
 */
function wordsAreDecodable(text: string): boolean {
  for (const [, charset = "", encoding = "", encoded = ""] of text.matchAll(
    /=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=/gi,
  )) {
    if (!isCharset(charset)) return false;
    if (/b/i.test(encoding) && !/^[a-z0-9+/=\s]*$/i.test(encoded)) return false;
  }
  return true;
}

/** How many encoded words begin in a text, `most` at most. Text that only looks like one counts too. */
function wordsBegun(text: string, most: number): number {
  let count = 0;
  for (let at = text.indexOf("=?"); at !== -1 && count < most; at = text.indexOf("=?", at + 2)) count += 1;
  return count;
}

/**
 * Which names are charsets: remembered, because making a decoder is expensive.
 * All are forgotten at once when they are many, because a peer may write any name.
 */
const charsets = new Map<string, boolean>();

function isCharset(label: string): boolean {
  if (label.length > BOUNDS.charsetLength.value) return false;
  const known = charsets.get(label);
  if (known !== undefined) return known;
  if (charsets.size >= BOUNDS.charsets.value) charsets.clear();
  const is = hasDecoder(label);
  charsets.set(label, is);
  return is;
}

function hasDecoder(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}
