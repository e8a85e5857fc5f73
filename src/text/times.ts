/** Times as a person writes them, on the command line and in an address of the page: always UTC where no zone is named. */

/** What `timeIn` reads, in words. */
export const TIMES = 'such as "30m", "2h", "3d", "today", "yesterday", or a time such as 2026-01-02T03:04Z';

/**
 * The time that a text names, in milliseconds since 1970: so long ago (`90s`, `30m` or `30min`, `2h`, `3d`, `1w`), the
 * beginning of a day (`today`, `yesterday`, `2026-01-02`), or a time of RFC 3339, also without its zone. What names
 * no zone is UTC, because who asks may not know the zone of this machine. Undefined for anything else, and for a
 * time before 1970.
 */
export function timeIn(text: string, now: Date): number | undefined {
  const ms = daysBack(text, now) ?? spanBack(text, now) ?? written(text);
  return ms >= 0 ? ms : undefined;
}

const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

function daysBack(text: string, now: Date): number | undefined {
  const today = now.getTime() - (now.getTime() % DAY_MS);
  if (text === "today") return today;
  return text === "yesterday" ? today - DAY_MS : undefined;
}

function spanBack(text: string, now: Date): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6})(s|m|min|h|d|w)$/.exec(text) ?? [];
  return count === undefined ? undefined : now.getTime() - Number(count) * (UNITS[unit] ?? Number.NaN);
}

/** NaN for anything else. */
function written(text: string): number {
  const [, day, time = "", zone = "Z"] = WRITTEN.exec(text.replace(" ", "T")) ?? [];
  return day === undefined ? Number.NaN : Date.parse(`${day}${time}${time === "" ? "" : zone}`);
}

const WRITTEN = /^(\d{4}-\d\d-\d\d)(?:(T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/;
