/** What is found out about encoded words without decoding them. RFC 2047 §2. */
import { BOUNDS } from "../bounds/bounds.ts";

/**
 * Whether each encoded word has a known charset and, in base64, no other characters.
 * A decoder would drop without a word what it cannot read.
 */
export function wordsAreDecodable(text: string): boolean {
  for (const [, charset = "", encoding = "", encoded = ""] of text.matchAll(
    /=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=/gi,
  )) {
    if (!isCharset(charset)) return false;
    if (/b/i.test(encoding) && !/^[a-z0-9+/=\s]*$/i.test(encoded)) return false;
  }
  return true;
}

/** How many encoded words begin in a text, `most` at most. Text that only looks like one counts too. */
export function wordsBegun(text: string, most: number): number {
  let count = 0;
  for (let at = text.indexOf("=?"); at !== -1 && count < most; at = text.indexOf("=?", at + 2)) count += 1;
  return count;
}

/**
 * Which names are charsets: remembered, because making a decoder is expensive.
 * All are forgotten at once when they are many, because a peer may write any name.
 */
const charsets = new Map<string, boolean>();

function isCharset(label: string): boolean {
  if (label.length > BOUNDS.charsetLength.value) return false;
  const known = charsets.get(label);
  if (known !== undefined) return known;
  if (charsets.size >= BOUNDS.charsets.value) charsets.clear();
  const is = hasDecoder(label);
  charsets.set(label, is);
  return is;
}

function hasDecoder(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}
