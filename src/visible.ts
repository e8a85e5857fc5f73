/**
 * Safe for a terminal and a page: control and formatting characters are shown,
 * not sent, so that what a peer wrote can hide or turn round nothing. Line ends and tabs stay.
 */
export function visible(text: string): string {
  return text
    .replace(/\r\n/g, "\n")
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) =>
      char === "\n" || char === "\t" ? char : `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`,
    );
}
