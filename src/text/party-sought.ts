/** Finds one party in stored text: a telephone number in every spelling, or an address. */

export interface PartySought {
  /** For people. */
  readonly shown: string;
  /** Whether a text mentions it. JSON is searched without being parsed. */
  mentions(text: string): boolean;
  /** The text with as many stars in place of each mention. */
  without(text: string): string;
}

/** Reads a party as people and logs write it; undefined when it is neither a whole number nor an address. */
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

/** ITU-T E.164 allows 15 digits. A number with fewer than seven is no person's. */
const MOST_DIGITS = 15;
const LEAST_DIGITS = 7;

function numberSought(text: string): PartySought | undefined {
  const dialled = text.replace(/\D/g, "");
  // Without the prefix that is dialled for other countries. A country code follows it, and none begins with 0.
  const digits = text.startsWith("+") ? dialled : dialled.replace(/^(?:00|011)(?=[1-9]\d{7})/, "");
  if (digits.length < LEAST_DIGITS || digits.length > MOST_DIGITS) return undefined;
  return sought(digits, `(?<!\\d)(?=\\d)(?:${[wholeForm(digits), ...nationalForms(digits)].join("|")})(?!\\d)`);
}

/** Blanks and signs that may separate digits; also the ends of folded lines, as quoted-printable and JSON write them. */
const BETWEEN = "(?:[\\s().-]|=\\r?\\n|\\\\[rnt]){0,4}";

/** The beginning of an international number. A 00 behind a colon is none, because it may be the minutes of a time. */
const INTERNATIONAL = `(?:\\+|[%=]2B|(?<![\\d:.])(?:00|011))${BETWEEN}`;

/** A country code. None begins with 0, so that the zone of a date is not taken for one when a number follows it. */
const CODE = `[1-9]${BETWEEN}(?:\\d${BETWEEN}){0,2}`;

/** The digits must not follow a 0 or 1 that is dialled within a country: (0)…, 1-…. A national number has at most ten digits. */
const notBehindTrunk = (digits: string): string =>
  /^[1-9]\d{0,9}$/.test(digits) ? "(?<!(?<!\\d)[01][ ().-]{0,4})" : "";

/** A number with its country code. Many write behind the code the 0 that is dialled within the country: +44 (0) 7700 900123. */
function wholeForm(digits: string): string {
  const { code, national } = parted(digits);
  const all = hasTrunkZero(code, national)
    ? [spaced(code), `(?:0${BETWEEN})?${spaced(national)}`].join(BETWEEN)
    : spaced(digits);
  // It must not be the end of another country's number, as 479 212 3456 is of +1 479 212 3456.
  return `(?<!${INTERNATIONAL}${CODE})${notBehindTrunk(digits)}(?:(?:00|011)${BETWEEN})?${all}`;
}

/**
 * A number as it is written within its country: without the country code, and outside North America behind
 * a 0. Another country's number may look the same without its "+", and is then taken for this one.
 */
function nationalForms(digits: string): readonly string[] {
  const { code, national } = parted(digits);
  if (national.length < LEAST_DIGITS) return [];
  const written = hasTrunkZero(code, national) ? `0${national}` : national;
  // Elsewhere a number without a 0 resembles too many others.
  const isSure = written.startsWith("0") || /^1[2-9]\d{9}$/.test(digits);
  return isSure ? [`(?<!${INTERNATIONAL}(?:${CODE})?)${notBehindTrunk(written)}${spaced(written)}`] : [];
}

/** Whether a 0 is dialled before the national number. Italy has none, because it writes its 0 behind the country code too. */
function hasTrunkZero(code: string, national: string): boolean {
  return code !== "" && code !== "1" && !national.startsWith("0");
}

function parted(digits: string): { readonly code: string; readonly national: string } {
  const [code = ""] = COUNTRY_CODE.exec(digits) ?? [];
  return { code, national: digits.slice(code.length) };
}

function spaced(digits: string): string {
  return [...digits].join(BETWEEN);
}

/** ITU-T E.164, list of assigned country codes: those of one digit, those of two, and all others, which have three. */
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
