/**
 * Lines of the journal, `<crc32, 8 hex> <length> <JSON>\n`, one behind the other in one buffer: it goes to the disk
 * as it is, and is used again, because a buffer a line would be made, joined and thrown away for every report.
 */
import { crc32 } from "node:zlib";

export interface Lines {
  /**
   * Writes a line behind the others, and gives how many bytes it takes. It is one of them once it is added.
   * `last`: the JSON of the last property; then `json` ends before it. A long text comes apart from the rest, because
   * joining the two would copy it once more.
   */
  write(json: string, last?: string): number;
  /** Adds the line of so many bytes that was written last. */
  add(lineBytes: number): void;
  /** How many bytes were added. */
  byteLength(): number;
  /** These bytes; good until the next change. */
  bytes(): Buffer;
  clear(): void;
}

/** A batch of ordinary records finds room in so many bytes. */
const FIRST_BYTES = 128 * 1024;
/** What a burst, or a long record, needed beyond that is given back. */
const MOST_KEPT_BYTES = 1024 * 1024;
/** Eight hex digits and two blanks. */
const FIXED_HEAD_BYTES = 10;
/** A closing brace, a line feed, and one more digit than there are characters. */
const SPARE_BYTES = 3;
const CLOSING_BRACE = 0x7d;
const LINE_FEED = 0x0a;

export function createLines(firstBytes = FIRST_BYTES): Lines {
  let bytes = Buffer.allocUnsafe(firstBytes);
  let added = 0;

  function makeRoom(lineBytes: number): void {
    if (added + lineBytes <= bytes.byteLength) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * bytes.byteLength, added + lineBytes));
    bytes.copy(larger, 0, 0, added);
    bytes = larger;
  }

  return {
    write(json, last = "") {
      // As many digits as if each character took one byte, which is almost always so.
      const digits = String(json.length + (last === "" ? 0 : last.length + 1)).length;
      let start = added + FIXED_HEAD_BYTES + digits;
      makeRoom(FIXED_HEAD_BYTES + digits + mostBytesOf(json) + mostBytesOf(last) + SPARE_BYTES);
      let end = start + bytes.write(json, start);
      if (last !== "") {
        end += bytes.write(last, end);
        bytes[end] = CLOSING_BRACE;
        end += 1;
      }
      const length = String(end - start);
      const more = length.length - digits;
      if (more > 0) {
        bytes.copyWithin(start + more, start, end);
        start += more;
        end += more;
      }
      const checksum = crc32(bytes.subarray(start, end)).toString(16).padStart(8, "0");
      bytes.write(`${checksum} ${length} `, added, "latin1");
      bytes[end] = LINE_FEED;
      return end + 1 - added;
    },
    add(lineBytes) {
      added += lineBytes;
    },
    byteLength: () => added,
    bytes: () => bytes.subarray(0, added),
    clear() {
      added = 0;
      if (bytes.byteLength > MOST_KEPT_BYTES) bytes = Buffer.allocUnsafe(firstBytes);
    },
  };
}

/** Of a short text it is not counted: a character takes three bytes at most. */
function mostBytesOf(text: string): number {
  return text.length < FIRST_BYTES ? 3 * text.length : Buffer.byteLength(text);
}
