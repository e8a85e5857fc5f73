/**
 * Makes what a peer wrote safe for a terminal, a page and a log. Characters that cannot
 * be seen are shown by their numbers, so that they can neither control a terminal nor
 * hide or reverse text.
 *
 * These are: control characters (C0, C1), marks that change the direction or have no
 * width (Cf), halves of surrogate pairs, the line ends that only Unicode has, and
 * fillers, which look like blanks or like nothing.
 */
const UNSEEN = "\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u2800\\u3164\\uffa0";
const ANY_UNSEEN = new RegExp(`[${UNSEEN}]`, "gu");
/** JSON itself escapes characters below U+0020 in texts, so that one found here is a blank between two tokens. */
const UNSEEN_IN_JSON = new RegExp(`(?![\\x00-\\x1f])[${UNSEEN}]`, "gu");
/** Most texts have no other characters, and need no further check. */
const ORDINARY = /^[\n\x20-\x7e]*$/;

/** A text for people. Line ends and tabs stay. */
export function visible(text: string): string {
  if (ORDINARY.test(text)) return text;
  return text
    .replaceAll("\r\n", "\n")
    .replace(ANY_UNSEEN, (char) => (char === "\n" || char === "\t" ? char : numberOf(char)));
}

/** `\x1b`, `\u202e`, `\u{e0001}`. */
function numberOf(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}

/** JSON that parses to the same value and has no character that cannot be seen. */
export function visibleJson(json: string): string {
  if (ORDINARY.test(json)) return json;
  return json.replace(UNSEEN_IN_JSON, (char) => {
    // A character beyond U+FFFF is written as two escapes. RFC 8259 §7.
    let escaped = "";
    for (let half = 0; half < char.length; half += 1) {
      escaped += `\\u${char.charCodeAt(half).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}
