/** How many reports said what, and sums of such counts. */
import type { Disposition, Outcome } from "./verdict.ts";

/** What statistics tell apart. */
export interface Kind {
  readonly peer: string;
  /** Such as `delivery-report`. */
  readonly type: string;
  readonly outcome: Outcome;
  readonly disposition: Disposition;
  /** A code of the catalogue; `other` for any other number; `none` without one. */
  readonly code: string;
}

/** Reports of one kind in one stretch of time. */
export interface Tally extends Kind {
  /** When the stretch begins. */
  readonly from: Date;
  readonly reports: number;
}

/** Tallies that have something in common. */
export interface Sum {
  readonly key: string;
  readonly reports: number;
  readonly successes: number;
  readonly failures: number;
}

/** Adds up what has the same key; the most first. */
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
