/** The codes of a period: how many reports had each, how that went within the period, and against the day before. */
import { BOUNDS } from "../bounds/bounds.ts";
import { type Sum, sumBy, type Tally, talliesBy } from "../delivery/tally.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { readStatistics } from "../queue/statistics.ts";
import { sum } from "../text/quantities.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Twenty-four parts of a day, 28 of a week (six hours each), 30 of a month. A month is read by days, because hours are kept for two weeks. */
const PERIODS = {
  day: { ms: DAY_MS, parts: 24, partMs: HOUR_MS, resolution: "hour" },
  week: { ms: 7 * DAY_MS, parts: 28, partMs: 6 * HOUR_MS, resolution: "hour" },
  month: { ms: 30 * DAY_MS, parts: 30, partMs: DAY_MS, resolution: "day" },
} as const;
export type Period = keyof typeof PERIODS;

export interface CodeCounts {
  /** The most frequent first; so many at most as the page shows of one list. */
  readonly codes: readonly CodeCount[];
  /** How many different codes there are, and how many reports had one. */
  readonly all: number;
  readonly reports: number;
}

export interface CodeCount extends Sum {
  /** Its reports in each part of the period, the oldest first. */
  readonly course: readonly number[];
  /** By peer, the one with most first. */
  readonly peers: readonly Sum[];
  readonly change: Change;
}

/** The last 24 hours against the 24 hours before. */
export interface Change {
  readonly now: number;
  readonly before: number;
}

/** Reads the counts of a period, and those that its last day is compared with. */
export async function readCodeCounts(place: QueuePlace, period: Period, until = new Date()): Promise<CodeCounts> {
  const { ms, resolution } = PERIODS[period];
  const [tallies, twoDays] = await Promise.all([
    readStatistics(place, { since: new Date(until.getTime() - ms), until, resolution }),
    readStatistics(place, { since: new Date(until.getTime() - 2 * DAY_MS), until, resolution: "hour" }),
  ]);
  return codeCounts(tallies, period, twoDays, until);
}

/** `twoDays` are the counts of the last 48 hours, by hour. */
export function codeCounts(
  tallies: readonly Tally[],
  period: Period,
  twoDays: readonly Tally[],
  now: Date,
): CodeCounts {
  const coded = tallies.filter(({ code }) => code !== "none");
  const byCode = talliesBy(coded, ({ code }) => code);
  const changes = changesOf(twoDays, now);
  const sums = sumBy(coded, ({ code }) => code);
  const codes = sums.slice(0, BOUNDS.listShown.value).map((ofCode) => {
    const its = byCode.get(ofCode.key) ?? [];
    return {
      ...ofCode,
      course: courseOf(its, period, now),
      peers: sumBy(its, ({ peer }) => peer),
      change: changes.get(ofCode.key) ?? { now: 0, before: 0 },
    };
  });
  return { codes, all: sums.length, reports: sum(sums.map(({ reports }) => reports)) };
}

function courseOf(tallies: readonly Tally[], period: Period, now: Date): readonly number[] {
  const { parts, partMs } = PERIODS[period];
  const course = Array<number>(parts).fill(0);
  const last = Math.floor(now.getTime() / partMs);
  for (const { from, reports } of tallies) {
    const at = parts - 1 - (last - Math.floor(from.getTime() / partMs));
    if (at >= 0 && at < parts) course[at] = (course[at] ?? 0) + reports;
  }
  return course;
}

/** The hour that is going on belongs to the last day, and so do the 23 before it. */
function changesOf(twoDays: readonly Tally[], now: Date): ReadonlyMap<string, Change> {
  const since = now.getTime() - (now.getTime() % HOUR_MS) - 23 * HOUR_MS;
  const changes = new Map<string, Change>();
  for (const { code, from, reports } of twoDays) {
    const { now: last, before } = changes.get(code) ?? { now: 0, before: 0 };
    const isLast = from.getTime() >= since;
    const isBefore = !isLast && from.getTime() >= since - DAY_MS;
    changes.set(code, { now: last + (isLast ? reports : 0), before: before + (isBefore ? reports : 0) });
  }
  return changes;
}
