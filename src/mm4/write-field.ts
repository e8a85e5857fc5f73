/**
 * Writes one header field, and always exactly one, whatever its value holds:
 * ASCII, folded, with no line longer than mail allows.
 *
 * Sources: RFC 5322 §2.1.1 (lengths), §2.2.3 (folding); RFC 2047 (encoded words).
 */

/**
 * The field without its last line end. `value` is one character a byte. A reader that
 * unfolds it gets the same bytes. A value that ASCII lines cannot hold (control
 * characters, other bytes, a word longer than a line) becomes encoded words.
 */
export function writeField(name: string, value: string): string {
  if (PRINTABLE.test(value)) {
    const written = fold(`${name}: ${value}`);
    if (written.split("\r\n").every((line) => line.length <= LONGEST_LINE)) return written;
  }
  return `${name}: ${encodeWords(Buffer.from(value, "latin1")).join("\r\n ")}`;
}

const PRINTABLE = /^[\x20-\x7e\t]*$/;
const LONGEST_LINE = 998;
const USUAL_LINE = 78;
/** A line with an encoded word has 76 characters at most. Beside our longest name that leaves so many bytes, in base64. */
const WORD_BYTES = 27;

/**
 * Breaks a line before single blanks only, because some readers make a fold and the
 * blanks around it one blank.
 */
function fold(line: string): string {
  const [name = "", first = "", ...words] = line.split(/(?<=[^ \t])(?= [^ \t])/);
  const lines = [name + first];
  for (const word of words) {
    const extended = (lines.at(-1) ?? "") + word;
    if (extended.length > USUAL_LINE) lines.push(word);
    else lines[lines.length - 1] = extended;
  }
  return lines.join("\r\n");
}

function encodeWords(bytes: Buffer): readonly string[] {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  // Bytes that are not UTF-8 would not come back as they were.
  const whole = Buffer.from(text).equals(bytes);
  const [charset, units] = whole
    ? ["utf-8", [...text].map((char) => Buffer.from(char))]
    : ["iso-8859-1", [...bytes].map((byte) => Buffer.from([byte]))];
  const words: Buffer[][] = [[]];
  let room = WORD_BYTES;
  for (const unit of units) {
    if (unit.byteLength > room) {
      words.push([]);
      room = WORD_BYTES;
    }
    words.at(-1)?.push(unit);
    room -= unit.byteLength;
  }
  return words.map((word) => `=?${charset}?B?${Buffer.concat(word).toString("base64")}?=`);
}
