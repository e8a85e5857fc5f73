/** A chart on a page, and what can be chosen of it. */
import { html } from "hono/html";
import { peerAddress } from "./addresses.ts";
import { LAYERS, type Layers, SPANS, type Span } from "./chart-data.ts";
import { choices, type Html } from "./layout.ts";

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
  const page = code !== "" ? `/codes/${code}` : peer !== "" ? peerAddress(peer) : "/";
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
