/**
 * Goes over the lines of a header: which begins a field, which goes on with one, and
 * where the header ends. Whoever reads a header, or only a few of its fields, reads
 * these lines, so that no two of them can differ.
 *
 * Pure. Time is linear in the header, and no line is copied.
 *
 * Source: RFC 5322 §2.2 (fields), §2.2.3 (folding), §4.5 (obsolete syntax).
 */
import { err, ok, type Result } from "../result.ts";
import type { HeaderLimits, HeaderProblem } from "./header.ts";

/** What is told each line, without its line end: the characters from `start` to `end`. */
export interface LineReader {
  /** A line that begins a field, or tries to. */
  begin(text: string, start: number, end: number): void;
  /** A line that begins with a blank. */
  goOn(text: string, start: number, end: number): void;
}

/** How a header began and ended. */
export interface HeaderEnds {
  /** How many bytes it takes, with the empty line that ends it. */
  readonly bytes: number;
  /** Whether there was such a line. */
  readonly ended: boolean;
  readonly byteOrderMark: boolean;
}

/**
 * Tells all lines up to the first empty one or the end of the data. Fails when they are
 * more bytes or fields than the limits allow; a line that only tries to begin a field
 * counts as one.
 *
 * Seen in practice: LF alone, a byte-order mark before the first field, no empty line
 * before the end.
 */
export function readHeaderLines(
  message: Uint8Array,
  limits: HeaderLimits,
  reader: LineReader,
): Result<HeaderEnds, HeaderProblem> {
  const text = textOfHeader(message, limits.bytes);
  const byteOrderMark = text.startsWith(BYTE_ORDER_MARK);
  let position = byteOrderMark ? BYTE_ORDER_MARK.length : 0;
  let bytes = text.length;
  let ended = false;
  let begun = 0;

  while (position < text.length) {
    const lineFeed = text.indexOf("\n", position);
    const next = lineFeed === -1 ? text.length : lineFeed + 1;
    const end = withoutReturns(text, position, lineFeed === -1 ? text.length : lineFeed);
    if (end === position) {
      ended = true;
      bytes = next;
      break;
    }
    if (isBlank(text.charCodeAt(position))) reader.goOn(text, position, end);
    else {
      begun += 1;
      if (begun > limits.fields) return err({ kind: "too-many-fields", limit: limits.fields });
      reader.begin(text, position, end);
    }
    position = next;
  }

  if (position > limits.bytes) return err({ kind: "header-too-large", limitBytes: limits.bytes });
  return ok({ bytes, ended, byteOrderMark });
}

/**
 * The header, one character a byte: positions are bytes, and only what is asked for is decoded. Behind it may be
 * some of the body, but not where the header ends as RFC 5322 §2.1 wants it: a body may be long.
 */
function textOfHeader(message: Uint8Array, limitBytes: number): string {
  const bytes = Buffer.from(message.buffer, message.byteOffset, Math.min(message.byteLength, limitBytes + 2));
  const end = bytes.indexOf(EMPTY_LINE);
  return bytes.toString("latin1", 0, end === -1 ? bytes.length : end + EMPTY_LINE.length);
}

/** Where the colon of a line stands; -1 without one. */
export function colonOf(text: string, start: number, end: number): number {
  // By hand, because `indexOf` would go on behind the line.
  for (let at = start; at < end; at += 1) if (text.charCodeAt(at) === COLON) return at;
  return -1;
}

/** Where the name of a field ends. RFC 5322 §4.5: blanks before the colon are obsolete, but must be accepted. */
export function endOfName(text: string, start: number, colon: number): number {
  let end = colon;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return end;
}

/** Trims ASCII blanks only: `String.trim` would take a Latin-1 0xA0, which may be half of a UTF-8 character. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function withoutReturns(text: string, start: number, lineEnd: number): number {
  let end = lineEnd;
  while (end > start && text.charCodeAt(end - 1) === 0x0d) end -= 1;
  return end;
}

const BYTE_ORDER_MARK = "\u00ef\u00bb\u00bf";
/** The end of a line before it, and the empty line. */
const EMPTY_LINE = Buffer.from("\n\r\n");
const COLON = 0x3a;
