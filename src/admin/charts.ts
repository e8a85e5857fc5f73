/** The charts' numbers: reports of the last hour, day or week, by disposition. */
import type { Tally } from "../delivery/tally.ts";
import type { Disposition } from "../delivery/verdict.ts";
import type { Resolution } from "../queue/statistics.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The time that a chart spans, the width of a bar, and the counts that it is drawn from. */
export const SPANS = {
  hour: { ms: HOUR_MS, barMs: MINUTE_MS, resolution: "minute", name: "Hour" },
  day: { ms: 24 * HOUR_MS, barMs: HOUR_MS, resolution: "hour", name: "Day" },
  week: { ms: 7 * 24 * HOUR_MS, barMs: HOUR_MS, resolution: "hour", name: "Week" },
} as const satisfies Record<string, { ms: number; barMs: number; resolution: Resolution; name: string }>;

export type Span = keyof typeof SPANS;

export function spanIn(text: string | undefined): Span {
  return text === "day" || text === "week" ? text : "hour";
}

/** The data that uPlot draws: times in seconds since 1970, and for each bar the reports of each disposition. */
export type Chart = { readonly times: readonly number[] } & Readonly<Record<Disposition, readonly number[]>>;

export function chartOf(tallies: readonly Tally[], span: Span, until: Date): Chart {
  const { ms, barMs } = SPANS[span];
  const lastMs = until.getTime() - (until.getTime() % barMs);
  const bars = Math.floor(ms / barMs);
  const times = Array.from({ length: bars }, (_, bar) => (lastMs - (bars - 1 - bar) * barMs) / 1000);
  const of = (disposition: Disposition): number[] => {
    const counts = Array<number>(bars).fill(0);
    for (const tally of tallies) {
      const bar = bars - 1 - Math.ceil((lastMs - tally.from.getTime()) / barMs);
      if (tally.disposition === disposition && bar >= 0 && bar < bars) counts[bar] = (counts[bar] ?? 0) + tally.reports;
    }
    return counts;
  };
  return { times, success: of("success"), failure: of("failure"), pending: of("pending"), unknown: of("unknown") };
}
