/** Finds one party in stored text: a telephone number in every spelling, or an address. */

export interface PartySought {
  /** For people. */
  readonly shown: string;
  /** Whether a text holds it. JSON is searched as it stands. */
  mentions(text: string): boolean;
  /** The text of the same length, with stars where it stood. */
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

/** ITU-T E.164: at most 15 digits; fewer than seven are no person's. */
const MOST_DIGITS = 15;
const LEAST_DIGITS = 7;

function numberSought(text: string): PartySought | undefined {
  const dialled = text.replace(/\D/g, "");
  // As it is dialled abroad; no country code begins with 0.
  const digits = text.startsWith("+") ? dialled : dialled.replace(/^(?:00|011)(?=[1-9]\d{7})/, "");
  if (digits.length < LEAST_DIGITS || digits.length > MOST_DIGITS) return undefined;
  return sought(digits, `(?<!\\d)(?=\\d)(?:${[wholeForm(digits), ...nationalForms(digits)].join("|")})(?!\\d)`);
}

/** Blanks and signs between digits; the ends of folded lines, in quoted-printable and in JSON too. */
const BETWEEN = "(?:[\\s().-]|=\\r?\\n|\\\\[rnt]){0,4}";

/** What an international number begins with; not the minutes of a time. */
const INTERNATIONAL = `(?:\\+|[%=]2B|(?<![\\d:.])(?:00|011))${BETWEEN}`;

/** A country code. None begins with 0, so the zone of a date does not match, and a number may follow it. */
const CODE = `[1-9]${BETWEEN}(?:\\d${BETWEEN}){0,2}`;

/** Nor behind a 0 or 1 as it is dialled within a country: (0)…, 1-…; a number within has ten digits at most. */
const notBehindTrunk = (digits: string): string =>
  /^[1-9]\d{0,9}$/.test(digits) ? "(?<!(?<!\\d)[01][ ().-]{0,4})" : "";

/** With its country code, behind which many write the 0 that is dialled within: +44 (0) 7700 900123. */
function wholeForm(digits: string): string {
  const { code, national } = parted(digits);
  const all = hasTrunkZero(code, national)
    ? [spaced(code), `(?:0${BETWEEN})?${spaced(national)}`].join(BETWEEN)
    : spaced(digits);
  // Not the rest of another country's number: 479 212 3456 of +1 479 212 3456.
  return `(?<!${INTERNATIONAL}${CODE})${notBehindTrunk(digits)}(?:(?:00|011)${BETWEEN})?${all}`;
}

/**
 * As it is written within its country: without the country code, and but for North America behind a 0.
 * Another country's number may be written alike, without its "+": it cannot be told from this one.
 */
function nationalForms(digits: string): readonly string[] {
  const { code, national } = parted(digits);
  if (national.length < LEAST_DIGITS) return [];
  const written = hasTrunkZero(code, national) ? `0${national}` : national;
  // Elsewhere a number without a 0 is too much like others.
  const isSure = written.startsWith("0") || /^1[2-9]\d{9}$/.test(digits);
  return isSure ? [`(?<!${INTERNATIONAL}(?:${CODE})?)${notBehindTrunk(written)}${spaced(written)}`] : [];
}

/** Italy writes its 0 behind the country code too. */
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
