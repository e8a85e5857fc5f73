/** The counts of the page of codes: of a period, how each went within it, and how the last day compares with the one before. */
import { type Sum, sumBy, type Tally } from "../delivery/tally.ts";
import { inPercent } from "../text/quantities.ts";
import type { Operations } from "./operations.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What can be chosen: in words, its days, and as the list of reports writes it. */
export const PERIODS = {
  day: { name: "24 hours", days: 1, since: "24h" },
  week: { name: "7 days", days: 7, since: "7d" },
  month: { name: "30 days", days: 30, since: "30d" },
} as const;
export type Period = keyof typeof PERIODS;

export function periodIn(text: string | undefined): Period {
  return text === "day" || text === "month" ? text : "week";
}

/** Reads the counts of a period; of a month by days, because hours are kept for two weeks. */
export function countsOf(operations: Pick<Operations, "tallies">, period: Period): Promise<readonly Tally[]> {
  const { days } = PERIODS[period];
  return operations.tallies(days * DAY_MS, days > 7 ? "day" : "hour");
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

/** The codes of a period, the most frequent first. `twoDays` are the counts of the last 48 hours, by hour. */
export function codeCounts(
  tallies: readonly Tally[],
  period: Period,
  twoDays: readonly Tally[],
  now: Date,
): readonly CodeCount[] {
  const byCode = new Map<string, Tally[]>();
  for (const tally of tallies) {
    if (tally.code === "none") continue;
    const its = byCode.get(tally.code);
    if (its) its.push(tally);
    else byCode.set(tally.code, [tally]);
  }
  const changes = changesOf(twoDays, now);
  return sumBy(
    tallies.filter(({ code }) => code !== "none"),
    ({ code }) => code,
  ).map((sum) => {
    const its = byCode.get(sum.key) ?? [];
    return {
      ...sum,
      course: courseOf(its, period, now),
      peers: sumBy(its, ({ peer }) => peer),
      change: changes.get(sum.key) ?? { now: 0, before: 0 },
    };
  });
}

/** Twenty-four parts of a day, 28 of a week (six hours each), 30 of a month. */
const PARTS = { day: [24, HOUR_MS], week: [28, 6 * HOUR_MS], month: [30, DAY_MS] } as const;

function courseOf(tallies: readonly Tally[], period: Period, now: Date): readonly number[] {
  const [parts, partMs] = PARTS[period];
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

/** Such as `▲ 20 %`. */
export function changeInWords({ now, before }: Change): string {
  if (now === before) return now === 0 ? "–" : "=";
  if (before === 0) return "new";
  return now > before ? `▲ ${inPercent(now - before, before)}` : `▼ ${inPercent(before - now, before)}`;
}
