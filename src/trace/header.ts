/** The header of a message, as the trace keeps it. */
import { MAX_HEADER_LENGTH } from "./note.ts";

/** Of a message as text, one character for each byte. */
export function headerIn(text: string): string {
  // The empty line behind a header of nearly that length tells that it ends there.
  const beginning = text.slice(0, MAX_HEADER_LENGTH + "\r\n\r\n".length);
  const end = beginning.search(EMPTY_LINE);
  return beginning.slice(0, end === -1 ? MAX_HEADER_LENGTH : Math.min(end, MAX_HEADER_LENGTH));
}

const EMPTY_LINE = /\r?\n\r?\n/;

/** Whether it may go on behind what is kept. */
export function isCut(header: string): boolean {
  return header.length >= MAX_HEADER_LENGTH;
}

/** Without the line or the address of a list in which it was cut. */
export function wholePart(header: string): string {
  return isCut(header) ? header.slice(0, Math.max(header.lastIndexOf("\n"), header.lastIndexOf(","))) : header;
}
