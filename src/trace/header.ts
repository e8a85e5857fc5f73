/** The header of a message, as the trace keeps it. */
import { MAX_HEADER_LENGTH } from "./note.ts";

/** Of the text of a message, one character for each byte. */
export function headerIn(text: string): string {
  return text.slice(0, MAX_HEADER_LENGTH).split(/\r?\n\r?\n/, 1)[0] ?? "";
}

/** Whether it may go on behind what is kept. */
export function isCut(header: string): boolean {
  return header.length >= MAX_HEADER_LENGTH;
}

/** Without the line or the address of a list in which it was cut. */
export function wholePart(header: string): string {
  return isCut(header) ? header.slice(0, Math.max(header.lastIndexOf("\n"), header.lastIndexOf(","))) : header;
}
