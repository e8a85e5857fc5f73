import libmime from "libmime";

/** The decoder of encoded words that the service hands to the reader. */
export function decodeWords(text: string): string {
  return libmime.decodeWords(text);
}
