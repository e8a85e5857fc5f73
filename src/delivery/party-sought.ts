/** One party, to be found in whatever is kept: a telephone number in every spelling, or an address. */

export interface PartySought {
  /** For people. */
  readonly shown: string;
  /** Whether a text holds it. JSON is searched as it stands. */
  mentions(text: string): boolean;
  /** The text of the same length, with stars where it stood. */
  without(text: string): string;
}

/** Reads it as people and logs write it; undefined for what is neither a whole number nor an address. */
export function readPartySought(written: string): PartySought | undefined {
  const text = written
    .trim()
    .replace(/^<|>$/g, "")
    .replace(/^(?:tel|sms|mms|mailto):/i, "")
    .replace(/\/TYPE=[\s\S]*$/i, "")
    .replace(/^(\+?\d[\d\s().-]*)@.*$/, "$1")
    .trim();
  if (/^\+?[\d\s().-]+$/.test(text)) return numberSought(text);
  return /^[^\s@]+@[^\s@]+$/.test(text) ? sought(text.toLowerCase(), addressPattern(text)) : undefined;
}

/** ITU-T E.164: at most 15 digits; fewer than seven are no person's. */
const MOST_DIGITS = 15;
const LEAST_DIGITS = 7;

function numberSought(text: string): PartySought | undefined {
  const dialled = text.replace(/\D/g, "");
  // As it is dialled abroad; no country code begins with 0.
  const digits = text.startsWith("+") ? dialled : dialled.replace(/^(?:00|011)(?=[1-9]\d{7})/, "");
  if (digits.length < LEAST_DIGITS || digits.length > MOST_DIGITS) return undefined;
  const forms = [`(?:0{1,2}|011)?${BETWEEN}${spaced(digits)}`, ...nationalForms(digits).map(spaced)];
  return sought(digits, `(?<!\\d)(?:${forms.join("|")})(?!\\d)`);
}

/** Blanks and signs between digits; the ends of folded lines, in quoted-printable and in JSON too. */
const BETWEEN = "(?:[\\s().-]|=\\r?\\n|\\\\[rnt]){0,4}";

function spaced(digits: string): string {
  return [...digits].join(BETWEEN);
}

/** As it is written within its country: without the country code, and but for North America behind a 0. */
function nationalForms(digits: string): readonly string[] {
  if (/^1[2-9]\d{9}$/.test(digits)) return [digits.slice(1)];
  const [code = ""] = COUNTRY_CODE.exec(digits) ?? [];
  const national = digits.slice(code.length);
  return code !== "" && code !== "1" && national.length >= LEAST_DIGITS ? [`0${national}`] : [];
}

/** ITU-T E.164, list of assigned country codes: of one digit, of two, and all others of three. */
const COUNTRY_CODE = /^(?:[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9]\d\d)/;

function addressPattern(text: string): string {
  const literal = text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  return `(?<![\\w.+-])${literal}(?![\\w-]|\\.\\w)`;
}

function sought(shown: string, pattern: string): PartySought {
  const one = new RegExp(pattern, "i");
  const all = new RegExp(pattern, "gi");
  return {
    shown,
    mentions: (text) => one.test(text),
    without: (text) => text.replace(all, (found) => "*".repeat(found.length)),
  };
}
