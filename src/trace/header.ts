/** The header of a message, as the trace keeps it. */
import { MAX_HEADER_LENGTH } from "./note.ts";

/** Of a message as text, one character for each byte. */
export function headerIn(text: string): string {
  // The empty line behind a header of nearly that length tells that it ends there.
  const beginning = text.slice(0, MAX_HEADER_LENGTH + "\r\n\r\n".length);
  const end = emptyLineIn(beginning);
  return beginning.slice(0, end === -1 ? MAX_HEADER_LENGTH : Math.min(end, MAX_HEADER_LENGTH));
}

/** Where the end of the line before the first empty one is; -1 when none is empty. Each end may be CR LF or LF. */
function emptyLineIn(text: string): number {
  const [crlf, lf] = [text.indexOf("\n\r\n"), text.indexOf("\n\n")];
  const feed = crlf === -1 || (lf !== -1 && lf < crlf) ? lf : crlf;
  return feed > 0 && text[feed - 1] === "\r" ? feed - 1 : feed;
}

/** Whether it may go on behind what is kept. */
export function isCut(header: string): boolean {
  return header.length >= MAX_HEADER_LENGTH;
}

/** Without the line or the address of a list in which it was cut. */
export function wholePart(header: string): string {
  return isCut(header) ? header.slice(0, Math.max(header.lastIndexOf("\n"), header.lastIndexOf(","))) : header;
}
