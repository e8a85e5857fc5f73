/**
 * Reads the Date of a report. It says when the MM was handled, not when the mail
 * was written (3GPP TS 23.140 §8.4.2; RFC 4356, table 4).
 *
 * Source: RFC 5322 §3.3 and §4.3 (obsolete zones, two-digit years).
 */
import type { Warning } from "../delivery/warning.ts";

export interface ReadDate {
  /** RFC 3339, UTC, milliseconds; null when the instant is not certain. */
  readonly at: string | null;
  readonly warning: Warning | null;
}

/**
 * Reads a date. Never fails: when the instant would be a guess, `at` is null.
 *
 * Seen in practice, besides RFC 5322 with or without a comment: the default form of
 * JavaScript, Java, Go, Ruby and `date`; RFC 3339 and ISO 8601; RFC 5322 with a
 * fraction of a second or with the zone of another form; and asctime, which has no
 * zone and therefore names no instant.
 */
export function readDate(written: string): ReadDate {
  return readUsualDate(written) ?? readAnyDate(written);
}

/** As {@link readDate}, whatever the form. */
export function readAnyDate(written: string): ReadDate {
  const text = withoutComments(written.slice(0, MAX_LENGTH));
  for (const { form, warning } of FORMS) {
    const match = form.exec(text);
    if (!match) continue;
    if (warning === "date-without-zone") return { at: null, warning };
    const at = instant(match.groups ?? {});
    return at === null ? UNPARSABLE : { at, warning };
  }
  return UNPARSABLE;
}

/**
 * A date of the one form that nearly all relays write, `Fri, 21 Nov 1997 09:55:06 -0600`; null for any other.
 * The forms below cost more than twice as much, because their parts have names.
 */
function readUsualDate(text: string): ReadDate | null {
  if (!USUAL.test(text)) return null;
  const number = (at: number): number => (text.charCodeAt(at) - DIGIT_0) * 10 + text.charCodeAt(at + 1) - DIGIT_0;
  const month = MONTHS_AS_WRITTEN.indexOf(text.slice(8, 11));
  const [hours, minutes] = [number(27), number(29)];
  if (month === -1 || hours > 23 || minutes > 59) return null;
  const at = instantOf({
    year: number(12) * 100 + number(14),
    month,
    day: number(5),
    hour: number(17),
    minute: number(20),
    second: number(23),
    offset: (text.charAt(26) === "-" ? -1 : 1) * (hours * 60 + minutes),
  });
  return at === null ? null : { at, warning: null };
}

const USUAL = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}$/;
const DIGIT_0 = 0x30;

const UNPARSABLE: ReadDate = { at: null, warning: "unparsable-date" };
const MAX_LENGTH = 200;

const TIME = String.raw`(?<hour>\d{1,2}) ?: ?(?<minute>\d{2})(?: ?: ?(?<second>\d{2}))?`;
/** A fraction is ignored, because an RFC 5322 date has none and two spellings of one report must not differ. */
const FRACTION = String.raw`(?:[.,]\d{1,9})?`;
const EXACT_TIME = String.raw`(?<hour>\d{1,2}) ?: ?(?<minute>\d{2})(?: ?: ?(?<second>\d{2})${FRACTION})?`;
const WEEKDAY = `(?:[a-z]{3,9} ?,? ?)?`;
const DAY_MONTH_YEAR = String.raw`(?<day>\d{1,2})[ -](?<month>[a-z]{3})[a-z]*[ -](?<year>\d{2,4})`;
const NUMERIC = String.raw`[+-]\d{2}:?\d{2}`;
/** Greenwich by name, perhaps with an offset: `GMT`, `GMT+01:00`, `UTC +0100`. */
const FROM_GREENWICH = `(?:GMT|UTC?|Z) ?(?<zone>${NUMERIC})|(?<utc>GMT|UTC?|Z)`;
const ISO_DATE = String.raw`(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})[T ]`;

const FORMS: readonly { form: RegExp; warning: Warning | null }[] = [
  // RFC 5322 §3.3: Fri, 21 Nov 1997 09:55:06 -0600
  {
    form: new RegExp(
      String.raw`^(?:[a-z]{3,9} ?, ?)?(?<day>\d{1,2})[ -](?<month>[a-z]{3})[a-z]*[ -](?<year>\d{2,4}) ${TIME} (?<zone>[+-]\d{4}|[a-z]{1,3})$`,
      "i",
    ),
    warning: null,
  },
  // The same with a fraction, with a zone of RFC 3339, or with one that begins at Greenwich:
  // Fri, 21 Nov 1997 09:55:06.123 GMT-06:00
  {
    form: new RegExp(`^${WEEKDAY}${DAY_MONTH_YEAR} ${EXACT_TIME} ?(?:(?<offset>${NUMERIC})|${FROM_GREENWICH})$`, "i"),
    warning: "date-not-rfc5322",
  },
  // The same with a zone that RFC 5322 names: Fri, 21 Nov 1997 09:55:06.123 CST
  {
    form: new RegExp(`^(?:[a-z]{3,9} ?, ?)?${DAY_MONTH_YEAR} ${EXACT_TIME} (?<zone>[a-z]{1,3})$`, "i"),
    warning: "date-not-rfc5322",
  },
  // JavaScript: Fri Nov 21 1997 09:55:06 GMT-0600
  {
    form: new RegExp(
      String.raw`^[a-z]{3} (?<month>[a-z]{3}) (?<day>\d{1,2}) (?<year>\d{4}) ${EXACT_TIME} (?:(?<offset>${NUMERIC})|${FROM_GREENWICH})$`,
      "i",
    ),
    warning: "date-not-rfc5322",
  },
  // Java, date: Fri Nov 21 09:55:06 GMT-06:00 1997. Ruby: Fri Nov 21 09:55:06 -0600 1997.
  // Other names of zones are not read, because Java's CST is China's as well as America's.
  {
    form: new RegExp(
      String.raw`^[a-z]{3} (?<month>[a-z]{3}) (?<day>\d{1,2}) ${EXACT_TIME} (?:(?<offset>${NUMERIC})|${FROM_GREENWICH}) (?<year>\d{4})$`,
      "i",
    ),
    warning: "date-not-rfc5322",
  },
  // RFC 3339: 1997-11-21T09:55:06-06:00. Java adds the name of the zone: [America/Chicago]
  {
    form: new RegExp(
      String.raw`^${ISO_DATE}(?<hour>\d{2}):(?<minute>\d{2})(?::(?<second>\d{2})${FRACTION})? ?(?<zone>Z|${NUMERIC}|[+-]\d{2})(?:\[[\w/+:-]{1,40}\])?$`,
      "i",
    ),
    warning: "date-not-rfc5322",
  },
  // Ruby: 1997-11-21 15:55:06 UTC
  {
    form: new RegExp(
      String.raw`^${ISO_DATE}(?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})${FRACTION} (?:${FROM_GREENWICH})$`,
      "i",
    ),
    warning: "date-not-rfc5322",
  },
  // Go: 1997-11-21 09:55:06.123456789 -0600 CST m=+0.000012345. The name is ambiguous, the offset is not.
  {
    form: new RegExp(
      String.raw`^${ISO_DATE}(?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})${FRACTION} (?<zone>[+-]\d{4}) (?:[a-z]{1,5}|[+-]\d{2,4})(?: m=[+-][\d.]{1,20})?$`,
      "i",
    ),
    warning: "date-not-rfc5322",
  },
  // ISO 8601 without separators: 19971121T095506-0600
  {
    form: new RegExp(
      String.raw`^(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})T?(?<hour>\d{2})(?<minute>\d{2})(?<second>\d{2})${FRACTION}(?<zone>Z|[+-]\d{4}|[+-]\d{2})$`,
      "i",
    ),
    warning: "date-not-rfc5322",
  },
  {
    form: new RegExp(String.raw`^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}${FRACTION})?$`, "i"),
    warning: "date-without-zone",
  },
  // asctime: Fri Nov 21 09:55:06 1997. Only the sender knows its zone.
  {
    form: new RegExp(String.raw`^[a-z]{3} [a-z]{3} \d{1,2} ${EXACT_TIME} \d{4}$`, "i"),
    warning: "date-without-zone",
  },
  {
    form: new RegExp(String.raw`^${WEEKDAY}\d{1,2}[ -][a-z]{3}[a-z]*[ -]\d{2,4} ${EXACT_TIME}$`, "i"),
    warning: "date-without-zone",
  },
];

const MONTHS_AS_WRITTEN = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTHS = MONTHS_AS_WRITTEN.map((month) => month.toLowerCase());

/** Offsets from UTC in minutes. RFC 5322 §4.3 names no others. */
const ZONES: Readonly<Record<string, number>> = {
  z: 0,
  ut: 0,
  utc: 0,
  gmt: 0,
  edt: -240,
  est: -300,
  cdt: -300,
  cst: -360,
  mdt: -360,
  mst: -420,
  pdt: -420,
  pst: -480,
};

function instant(parts: Record<string, string | undefined>): string | null {
  const monthText = (parts.month ?? "").toLowerCase();
  const month = /^\d+$/.test(monthText) ? Number(monthText) - 1 : MONTHS.indexOf(monthText);
  const offset = zoneOffset((parts.zone ?? parts.offset ?? parts.utc ?? "").toLowerCase());
  const [day, hour, minute, second] = [parts.day, parts.hour, parts.minute, parts.second ?? "0"].map(Number);
  if (offset === null || day === undefined || hour === undefined || minute === undefined || second === undefined)
    return null;
  return instantOf({ year: fullYear(parts.year ?? ""), month, day, hour, minute, second, offset });
}

/** What a date says; months count from 0, the offset is in minutes. */
interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly offset: number;
}

/** Null when there is no such day or time. */
function instantOf({ year, month, day, hour, minute, second, offset }: Parts): string | null {
  if (month < 0 || month > 11 || hour > 23 || minute > 59 || second > 60) return null;
  const date = Date.UTC(year, month, day);
  // A day that does not exist, such as 31 Feb, rolls over into the next month. The first 28 exist in each.
  if ((day < 1 || day > 28) && new Date(date).getUTCDate() !== day) return null;
  return new Date(date + ((hour * 60 + minute - offset) * 60 + second) * 1000).toISOString();
}

/** RFC 5322 §4.3: 00 to 49 are years of this century; 50 to 99 and three digits count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length >= 4) return year;
  return digits.length === 2 && year < 50 ? 2000 + year : 1900 + year;
}

function zoneOffset(zone: string): number | null {
  const numeric = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (!numeric) return ZONES[zone] ?? null;
  const [, sign, hours, minutes = "0"] = numeric;
  if (Number(hours) > 23 || Number(minutes) > 59) return null;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** Removes RFC 5322 comments, nested ones too, and makes every run of blanks one blank. */
function withoutComments(text: string): string {
  let depth = 0;
  let kept = "";
  // Goes character by character only when there is a comment, because few dates have one.
  for (const char of text.includes("(") ? text : [text]) {
    if (char === "(") depth += 1;
    else if (char === ")" && depth > 0) depth -= 1;
    else if (depth === 0) kept += char;
  }
  return kept.trim().replace(/\s+/g, " ");
}
