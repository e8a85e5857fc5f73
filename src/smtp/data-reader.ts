/**
 * Finds the end of a message in what comes after DATA, and takes out the dots
 * that SMTP put in. Pure, a byte at a time, in time linear in its input.
 *
 * Our own and not smtp-server's, because this is where mail is smuggled: it says
 * at once when a CR or an LF stands alone, and a message of nothing but dots
 * costs it no more than another.
 *
 * Sources: RFC 5321 §2.3.8 (lines), §4.1.1.4 (the end), §4.5.2 (dots).
 */

export type DataFault = "too-large" | "bare-newline";

export type Data =
  | { readonly kind: "incomplete" }
  | { readonly kind: DataFault }
  /** `rest`: what came behind it. */
  | { readonly kind: "complete"; readonly message: Buffer; readonly rest: Buffer };

export interface DataRules {
  readonly limitBytes: number;
  /** Whether lines may end in CR or LF alone. Such a line end never ends the message. */
  readonly bareNewlines: boolean;
}

/** Takes the bytes as they come. After anything but `incomplete` it has done its work. */
export type ReadData = (chunk: Buffer) => Data;

/** Where in its line the next byte stands. */
const BEGINNING = 0;
const INSIDE = 1;
const AFTER_CR = 2;
/** Behind a dot that begins the line, which is not the message's. */
const AFTER_DOT = 3;
const AFTER_DOT_CR = 4;

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const FIRST_BYTES = 4_096;

export function createDataReader({ limitBytes, bareNewlines }: DataRules): ReadData {
  let message: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  let length = 0;
  let place = BEGINNING;

  return (chunk) => {
    // At most one byte more than comes: the CR that was held back with its dot.
    message = withRoom(message, length, chunk.byteLength + 1);
    for (let at = 0; at < chunk.byteLength; at++) {
      const byte = chunk[at] as number;
      if (place === BEGINNING && byte === DOT) {
        place = AFTER_DOT;
        continue;
      }
      if (place === AFTER_DOT && byte === CR) {
        place = AFTER_DOT_CR;
        continue;
      }
      if (place === AFTER_DOT_CR) {
        if (byte === LF)
          return { kind: "complete", message: message.subarray(0, length), rest: chunk.subarray(at + 1) };
        message[length++] = CR;
        place = AFTER_CR;
      }
      const alone = (byte === LF) !== (place === AFTER_CR);
      if (alone && !bareNewlines) return { kind: "bare-newline" };
      message[length++] = byte;
      if (length > limitBytes) return { kind: "too-large" };
      place = byte === CR ? AFTER_CR : byte === LF && !alone ? BEGINNING : INSIDE;
    }
    return { kind: "incomplete" };
  };
}

/** The same bytes where there is room for more. */
function withRoom(bytes: Buffer, used: number, more: number): Buffer {
  if (used + more <= bytes.byteLength) return bytes;
  const larger = Buffer.allocUnsafe(Math.max(bytes.byteLength * 2, used + more));
  bytes.copy(larger, 0, 0, used);
  return larger;
}
