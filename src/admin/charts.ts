/** The charts: reports of the last hour, day or week, by what they mean, by peer or by code. */
import { Hono } from "hono";
import { html } from "hono/html";
import { sumBy, type Tally } from "../delivery/tally.ts";
import type { Disposition } from "../delivery/verdict.ts";
import type { Resolution } from "../queue/statistics.ts";
import { choices, type Html } from "./layout.ts";
import type { PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";

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
const LAYERS = { result: "Result", peer: "Peer", code: "Code" } as const;
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

const DISPOSITIONS: readonly Disposition[] = ["success", "pending", "unknown", "failure"];
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
  if (layers === "result")
    return { names: DISPOSITIONS as readonly string[], nameOf: (tally: Tally) => tally.disposition };
  const own = (tally: Tally): string => (layers === "peer" ? tally.peer : countedCodeInWords(tally.code));
  const all = sumBy(tallies, own).map(({ key }) => key);
  const names = new Set(all.slice(0, MAX_LAYERS));
  return {
    names: all.length > MAX_LAYERS ? [...names, OTHERS] : [...names],
    nameOf: (tally: Tally) => (names.has(own(tally)) ? own(tally) : OTHERS),
  };
}

/** A code as statistics count it: a number, `none` or `other`. */
export function countedCodeInWords(code: string): string {
  return code === "none" ? "no code" : code === "other" ? "not listed" : code;
}

/** What a chart is of. An empty part stands for all. */
export interface ChartOptions {
  readonly span: Span;
  readonly code?: string;
  readonly peer?: string;
  /** Given where they can be chosen. */
  readonly layers?: Layers;
}

/** The place where charts.js draws a chart. */
export function chart({ span, code = "", peer = "", layers }: ChartOptions): Html {
  const page = code !== "" ? `/codes/${code}` : peer !== "" ? `/peers/${encodeURIComponent(peer)}` : "/";
  const by = layers === undefined ? "" : `&by=${layers}`;
  const spans = (Object.keys(SPANS) as Span[]).map(
    (name) => [`${page}?span=${name}${by}`, SPANS[name].name, name === span] as const,
  );
  const all = (Object.keys(LAYERS) as Layers[]).map(
    (name) => [`${page}?span=${span}&by=${name}`, LAYERS[name], name === layers] as const,
  );
  const only = new URLSearchParams({ ...(code === "" ? {} : { code }), ...(peer === "" ? {} : { peer }) });
  const asked = new URLSearchParams({ span, by: layers ?? "result" });
  return html`<section class="card">
    <div class="title"><h2>Reports</h2>
      ${choices("Length of the chart", spans)}
      ${layers === undefined ? "" : choices("Layers of the chart", all)}
    </div>
    <div class="chart" data-chart="/chart?${asked}${only.size === 0 ? "" : `&${only}`}" data-reports="/reports?${only}" role="img" aria-label="Reports of the last ${span} by ${layers ?? "result"}"></div>
    <noscript><p>The chart needs JavaScript.</p></noscript>
  </section>`;
}

/** What charts.js asks for. */
export function chartRoutes(operations: Pick<Operations, "redisAway" | "tallies">): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();
  routes.get("/chart", async (c) => {
    const away = operations.redisAway();
    if (away !== null) return c.json({ away });
    const span = spanIn(c.req.query("span"));
    const { code = "", peer = "" } = c.req.query();
    const { ms, resolution } = SPANS[span];
    const tallies = await operations.tallies(ms, resolution);
    const wanted = tallies.filter(
      (tally) => (code === "" || tally.code === code) && (peer === "" || tally.peer === peer),
    );
    return c.json(chartOf(wanted, span, new Date(), layersIn(c.req.query("by"))));
  });
  return routes;
}
