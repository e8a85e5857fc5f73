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

/** The lines that are kept whole. */
export function wholeLines(header: string): string {
  return isCut(header) ? header.slice(0, header.lastIndexOf("\n") + 1).trimEnd() : header;
}
