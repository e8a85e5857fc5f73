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

/** A message: its bytes, or the same with one character a byte. */
export type MessageBytes = Uint8Array | string;

/** How a header began and ended. */
export interface HeaderEnds {
  /** How many bytes it takes, with the empty line that ends it. */
  readonly bytes: number;
  /** Whether there was such a line. */
  readonly ended: boolean;
  readonly byteOrderMark: boolean;
}

/**
 * All lines up to the first empty one or the end of the data, one after the other. They
 * fail when they are more bytes or fields than the limits allow; a line that only tries
 * to begin a field counts as one.
 *
 * Seen in practice: LF alone, a byte-order mark before the first field, no empty line
 * before the end.
 */
export class HeaderLines {
  /** The header, and maybe some of the body. */
  readonly text: string;
  /** Where the line begins that {@link next} has reached. */
  start = 0;
  /** Where it ends, without its line end. */
  end = 0;
  /** Whether it begins with a blank: then it goes on with a field, and begins none. */
  goesOn = false;

  private readonly limits: HeaderLimits;
  private readonly byteOrderMark: boolean;
  /** Where the line begins that is reached next. */
  private following: number;
  private begun = 0;
  /** How many bytes the header takes, once its empty line is reached. */
  private bytes: number | null = null;

  constructor(message: MessageBytes, limits: HeaderLimits) {
    this.limits = limits;
    this.text = textOfHeader(message, limits.bytes);
    this.byteOrderMark = this.text.startsWith(BYTE_ORDER_MARK);
    this.following = this.byteOrderMark ? BYTE_ORDER_MARK.length : 0;
  }

  /** Reaches the next line. False when there is none, or one too many. */
  next(): boolean {
    const { text, following: start } = this;
    if (start >= text.length) return false;
    const lineFeed = text.indexOf("\n", start);
    const lineEnd = lineFeed === -1 ? text.length : lineFeed;
    const following = lineFeed === -1 ? text.length : lineFeed + 1;
    const end = withoutReturns(text, start, lineEnd);
    if (end === start) {
      this.bytes = following;
      return false;
    }
    this.goesOn = isBlank(text.charCodeAt(start));
    if (!this.goesOn) {
      this.begun += 1;
      if (this.begun > this.limits.fields) return false;
    }
    this.start = start;
    this.end = end;
    this.following = following;
    return true;
  }

  /** How the header began and ended, once {@link next} has reached all its lines. */
  ends(): Result<HeaderEnds, HeaderProblem> {
    const { limits, text, byteOrderMark } = this;
    if (this.begun > limits.fields) return err({ kind: "too-many-fields", limit: limits.fields });
    if (this.following > limits.bytes) return err({ kind: "header-too-large", limitBytes: limits.bytes });
    return ok({ bytes: this.bytes ?? text.length, ended: this.bytes !== null, byteOrderMark });
  }
}

/**
 * The header, one character a byte: positions are bytes, and only what is asked for is decoded. Behind it may be
 * some of the body, but where a message is long not from where the header ends as RFC 5322 §2.1 wants it: a body may
 * be long.
 */
function textOfHeader(message: MessageBytes, limitBytes: number): string {
  const most = limitBytes + 2;
  if (typeof message === "string") return message.length <= most ? message : message.slice(0, most);
  const length = Math.min(message.byteLength, most);
  const bytes = Buffer.isBuffer(message) ? message : Buffer.from(message.buffer, message.byteOffset, length);
  if (length <= SHORT_MESSAGE) return bytes.toString("latin1", 0, length);
  const end = bytes.indexOf(EMPTY_LINE);
  return bytes.toString("latin1", 0, end === -1 ? length : Math.min(length, end + EMPTY_LINE.length));
}

/** So few bytes are read as fast as the empty line is found. */
const SHORT_MESSAGE = 4_096;

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

/** A part of a text, trimmed of ASCII blanks only: `String.trim` would take a Latin-1 0xA0, which may be half of a UTF-8 character. */
export function trimBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
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
