/** Counts of reports by what they said, and sums of such counts. */
import type { Disposition, Outcome } from "./verdict.ts";

/** The properties by which reports are counted. */
export interface Kind {
  readonly peer: string;
  /** Such as `delivery-report`. */
  readonly type: string;
  readonly outcome: Outcome;
  readonly disposition: Disposition;
  /** A code that the peer's table lists; `other` for any other number; `none` without one. */
  readonly code: string;
}

/** Reports of one kind in one stretch of time. */
export interface Tally extends Kind {
  /** When the stretch begins. */
  readonly from: Date;
  readonly reports: number;
}

/** The sum of tallies that have the same key. */
export interface Sum {
  readonly key: string;
  readonly reports: number;
  readonly successes: number;
  readonly failures: number;
}

/** The tallies of each key, in their order. */
export function talliesBy(
  tallies: readonly Tally[],
  keyOf: (tally: Tally) => string,
): ReadonlyMap<string, readonly Tally[]> {
  const byKey = new Map<string, Tally[]>();
  for (const tally of tallies) {
    const key = keyOf(tally);
    const its = byKey.get(key);
    if (its) its.push(tally);
    else byKey.set(key, [tally]);
  }
  return byKey;
}

/** Adds up the tallies of each key. The largest sum comes first. */
export function sumBy(tallies: readonly Tally[], keyOf: (tally: Tally) => string): readonly Sum[] {
  const sums = new Map<string, Sum>();
  for (const tally of tallies) {
    const key = keyOf(tally);
    const { reports, successes, failures } = sums.get(key) ?? { reports: 0, successes: 0, failures: 0 };
    sums.set(key, {
      key,
      reports: reports + tally.reports,
      successes: successes + (tally.disposition === "success" ? tally.reports : 0),
      failures: failures + (tally.disposition === "failure" ? tally.reports : 0),
    });
  }
  return [...sums.values()].sort((a, b) => b.reports - a.reports);
}
