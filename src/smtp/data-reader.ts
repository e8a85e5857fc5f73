/**
 * Finds the end of a message in what comes after DATA, and takes out the dots
 * that SMTP put in. Pure, in time linear in its input.
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
  /** It has ended, and could not be held. */
  | { readonly kind: "no-room"; readonly rest: Buffer }
  /** `rest`: what came behind it. */
  | { readonly kind: "complete"; readonly message: Buffer; readonly rest: Buffer };

export interface DataRules {
  readonly limitBytes: number;
  /** Whether lines may end in CR or LF alone. Such a line end never ends the message. */
  readonly bareNewlines: boolean;
  /**
   * Asked before memory is taken, with all that the message is to take then. When it says no,
   * it is told 0: all of it is let go, and the message is read over to its end.
   */
  readonly mayHold: (bytes: number) => boolean;
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
/** What a message takes at first. Most reports are smaller. */
export const FIRST_BYTES = 4_096;
/** Behind so many bytes of a line its end is searched for: in a short one each byte costs less. */
const LONG_BYTES = 32;
const NOTHING = Buffer.alloc(0);

export function createDataReader({ limitBytes, bareNewlines, mayHold }: DataRules): ReadData {
  let message: Buffer = NOTHING;
  let length = 0;
  let place = BEGINNING;
  let holding = true;

  /** Makes room for more bytes, as far as a message may grow, or lets go of everything. */
  function makeRoom(more: number): void {
    const needed = Math.min(length + more, limitBytes + 2);
    if (!holding || needed <= message.byteLength) return;
    const larger = Math.min(Math.max(message.byteLength * 2, FIRST_BYTES, needed), limitBytes + 2);
    holding = mayHold(larger);
    message = holding ? enlarged(message, length, larger) : NOTHING;
    if (!holding) mayHold(0);
  }

  return (chunk) => {
    // At most one byte more than comes: the CR that was held back with its dot. What is beyond the limit is never used.
    makeRoom(chunk.byteLength + 1);
    const endOfLine = createLineEnds(chunk);
    /** Since where all bytes have been inside of a line. */
    let insideFrom = 0;
    for (let at = 0; at < chunk.byteLength; at++) {
      if (place === INSIDE && at - insideFrom >= LONG_BYTES) {
        const end = endOfLine(at);
        if (length + end - at > limitBytes) return { kind: "too-large" };
        if (holding) chunk.copy(message, length, at, end);
        length += end - at;
        at = end;
        insideFrom = end;
        if (at === chunk.byteLength) break;
      }
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
        if (byte === LF) {
          const rest = chunk.subarray(at + 1);
          return holding ? { kind: "complete", message: message.subarray(0, length), rest } : { kind: "no-room", rest };
        }
        message[length++] = CR;
        place = AFTER_CR;
      }
      const alone = (byte === LF) !== (place === AFTER_CR);
      if (alone && !bareNewlines) return { kind: "bare-newline" };
      message[length++] = byte;
      if (length > limitBytes) return { kind: "too-large" };
      place = byte === CR ? AFTER_CR : byte === LF && !alone ? BEGINNING : INSIDE;
      if (place !== INSIDE) insideFrom = at + 1;
    }
    return { kind: "incomplete" };
  };
}

/** Finds the next CR or LF of a chunk; where there is none, its end. Asked for growing places, it looks at each byte twice at most. */
function createLineEnds(chunk: Buffer): (from: number) => number {
  let [cr, lf] = [-1, -1];
  const next = (byte: number, from: number): number => {
    const found = chunk.indexOf(byte, from);
    return found === -1 ? chunk.byteLength : found;
  };
  return (from) => {
    if (cr < from) cr = next(CR, from);
    if (lf < from) lf = next(LF, from);
    return Math.min(cr, lf);
  };
}

function enlarged(bytes: Buffer, used: number, toBytes: number): Buffer {
  const larger = Buffer.allocUnsafe(toBytes);
  bytes.copy(larger, 0, 0, used);
  return larger;
}
