/** What charts are drawn from: reports of the last hour, day or week, by what they mean, by peer or by code. */
import { sumBy, type Tally } from "../delivery/tally.ts";
import type { Disposition } from "../delivery/verdict.ts";
import type { Resolution } from "../queue/statistics.ts";
import { countedCodeInWords } from "./code-counts.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The time that a chart spans, the width of a bar, and the counts that it is drawn from. */
export const SPANS = {
  hour: { ms: HOUR_MS, barMs: MINUTE_MS, resolution: "minute", name: "Hour" },
  day: { ms: 24 * HOUR_MS, barMs: HOUR_MS, resolution: "hour", name: "Day" },
  week: { ms: 7 * 24 * HOUR_MS, barMs: HOUR_MS, resolution: "hour", name: "Week" },
} as const satisfies Record<string, { ms: number; barMs: number; resolution: Resolution; name: string }>;

/** A chart's length. */
export type Span = keyof typeof SPANS;

/** The length that an address asks for; an hour for any other text. */
export function spanIn(text: string | undefined): Span {
  return text === "day" || text === "week" ? text : "hour";
}

/** What a chart's layers are. */
export const LAYERS = { result: "Result", peer: "Peer", code: "Code" } as const;
/** By what a chart is layered. */
export type Layers = keyof typeof LAYERS;

/** The layers that an address asks for; by result for any other text. */
export function layersIn(text: string | undefined): Layers {
  return text === "peer" || text === "code" ? text : "result";
}

/** The data that uPlot draws: times in seconds since 1970, and of each layer the reports of each bar. */
export interface Chart {
  readonly times: readonly number[];
  /** The lowest first. */
  readonly series: readonly { readonly name: string; readonly counts: readonly number[] }[];
}

/** From the lowest layer up. */
const RESULTS: readonly Disposition[] = ["success", "pending", "unknown", "failure"];
/** More layers could not be told apart; what is beyond them is one. */
const MAX_LAYERS = 7;
const OTHERS = "others";

/** Draws counts as bars that end with the one in which `until` is. What is older than the span is left out. */
export function chartOf(tallies: readonly Tally[], span: Span, until: Date, layers: Layers = "result"): Chart {
  const { ms, barMs } = SPANS[span];
  const lastMs = until.getTime() - (until.getTime() % barMs);
  const bars = Math.floor(ms / barMs);
  const times = Array.from({ length: bars }, (_, bar) => (lastMs - (bars - 1 - bar) * barMs) / 1000);
  const { names, nameOf } = layersOf(tallies, layers);
  const series = names.map((name) => ({ name, counts: Array<number>(bars).fill(0) }));
  const byName = new Map(series.map(({ name, counts }) => [name, counts]));
  for (const tally of tallies) {
    const bar = bars - 1 - Math.ceil((lastMs - tally.from.getTime()) / barMs);
    const counts = byName.get(nameOf(tally));
    if (counts !== undefined && bar >= 0 && bar < bars) counts[bar] = (counts[bar] ?? 0) + tally.reports;
  }
  return { times, series };
}

function layersOf(tallies: readonly Tally[], layers: Layers) {
  if (layers === "result") return { names: RESULTS as readonly string[], nameOf: (tally: Tally) => tally.disposition };
  const own = (tally: Tally): string => (layers === "peer" ? tally.peer : countedCodeInWords(tally.code));
  const all = sumBy(tallies, own).map(({ key }) => key);
  const names = new Set(all.slice(0, MAX_LAYERS));
  return {
    names: all.length > MAX_LAYERS ? [...names, OTHERS] : [...names],
    nameOf: (tally: Tally) => (names.has(own(tally)) ? own(tally) : OTHERS),
  };
}
