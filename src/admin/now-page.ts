/** Now: is it healthy, what comes, what waits, who was refused. Live, by server-sent events. */
import { Hono } from "hono";
import { html } from "hono/html";
import { streamSSE } from "hono/streaming";
import { BOUNDS } from "../bounds/bounds.ts";
import { sumBy } from "../delivery/tally.ts";
import type { PeerStatus } from "../monitoring/status.ts";
import { inPercent } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { chartOf, SPANS, type Span, spanIn } from "./charts.ts";
import { choices, type Html, layout, noCounts, pathOf, time } from "./layout.ts";
import type { Login, PageEnv } from "./login.ts";
import type { Operations, RefusedClient } from "./operations.ts";

const EVERY_MS = 2_000;
const REFUSALS_SHOWN = 10;

export function nowPage(operations: Operations, login: Pick<Login, "mayStillLook">): Hono<PageEnv> {
  let streams = 0;
  const routes = new Hono<PageEnv>();

  routes.get("/", async (c) => {
    const span = spanIn(c.req.query("span"));
    const body = html`<div id="now" data-stream="/now">${await now(operations)}</div>
      ${chart(span, "")} ${await outcomes(operations, span)}`;
    return c.html(layout({ title: "Now", path: pathOf(c), operator: c.var.operator, body }));
  });

  routes.get("/now", (c) => {
    // Hono calls this for HEAD too, and then nothing would read the stream.
    if (c.req.method !== "GET") return c.body(null);
    if (streams >= BOUNDS.httpStreams.value) return c.text("Too many pages are open\n", 503);
    streams += 1;
    return streamSSE(c, async (stream) => {
      try {
        while (!stream.aborted && (await login.mayStillLook(c))) {
          await stream.writeSSE({ data: oneLine((await now(operations)).toString()) });
          await stream.sleep(EVERY_MS);
        }
      } finally {
        streams -= 1;
      }
    });
  });

  routes.get("/chart", async (c) => {
    const away = operations.redisAway();
    if (away !== null) return c.json({ away });
    const span = spanIn(c.req.query("span"));
    const code = c.req.query("code") ?? "";
    const tallies = await talliesOf(operations, span);
    return c.json(chartOf(code === "" ? tallies : tallies.filter((tally) => tally.code === code), span, new Date()));
  });
  return routes;
}

/** The data of an event in the stream must be one line. */
function oneLine(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .join(" ");
}

/** The place where page.js draws a chart. An empty `code` stands for all reports. */
export function chart(span: Span, code: string): Html {
  const href = (name: Span): string => `${code === "" ? "/" : `/codes/${code}`}?span=${name}`;
  const spans = (Object.keys(SPANS) as Span[]).map((name) => [href(name), SPANS[name].name, name === span] as const);
  return html`<section class="card">
    <div class="title"><h2>Reports</h2>${choices("Length of the chart", spans)}</div>
    <div class="chart" data-chart="/chart?span=${span}&amp;code=${code}" role="img" aria-label="Reports of the last ${span} by what they mean"></div>
    <noscript><p>The chart needs JavaScript.</p></noscript>
  </section>`;
}

function talliesOf(operations: Operations, span: Span) {
  const { ms, resolution } = SPANS[span];
  return operations.tallies(ms, resolution);
}

async function now(operations: Operations): Promise<Html> {
  const [{ state, headline, reasons, facts }, refusals] = await Promise.all([
    operations.status(),
    operations.refusals(),
  ]);
  const peers = facts.flatMap((fact) => fact.peers);
  return html`<section class="banner ${state}">
      <h1>${headline}</h1>
      ${reasons.length === 0 ? "" : html`<ul>${reasons.map((reason) => html`<li>${visible(reason)}</li>`)}</ul>`}
    </section>
    <dl class="facts">
      ${facts.map(({ about, text }) => html`<div class="card"><dt>${about}</dt><dd>${visible(text)}</dd></div>`)}
    </dl>
    ${peers.length === 0 ? "" : peerList(peers)} ${refusalTable(refusals.slice(-REFUSALS_SHOWN).reverse())}`;
}

function peerList(peers: readonly PeerStatus[]): Html {
  return html`<section class="card">
    <h2>Peers, since the start</h2>
    <ul class="peers">
      ${peers.map(
        ({ name, text, unusual }) => html`<li>
          <p><strong>${name}</strong> ${text}</p>
          ${unusual.length === 0 ? "" : html`<p class="unusual">Unusual: ${unusual.join("; ")}</p>`}
        </li>`,
      )}
    </ul>
  </section>`;
}

function refusalTable(refusals: readonly RefusedClient[]): Html {
  if (refusals.length === 0) return html``;
  return html`<section class="card">
    <h2>Refused lately</h2>
    <div class="wide" tabindex="0"><table>
      <thead><tr><th scope="col">Address</th><th scope="col">Peer</th><th scope="col">Reason</th><th scope="col" class="number">Times</th><th scope="col">Last (UTC)</th></tr></thead>
      <tbody>${refusals.map(
        ({ address, peer, helo, reason, count, lastAt }) =>
          html`<tr><th scope="row">${address}</th><td>${peer ?? visible(helo ?? "none")}</td><td>${reason}</td><td class="number">${count}</td><td>${time(lastAt)}</td></tr>`,
      )}</tbody>
    </table></div>
  </section>`;
}

async function outcomes(operations: Operations, span: Span): Promise<Html> {
  const away = operations.redisAway();
  if (away !== null) return noCounts(away);
  const rows = sumBy(await talliesOf(operations, span), ({ outcome, disposition }) => `${outcome} ${disposition}`);
  const all = rows.reduce((sum, { reports }) => sum + reports, 0);
  if (rows.length === 0) return html`<p class="card">No reports in the last ${span}.</p>`;
  return html`<section class="card">
    <h2>Outcomes of the last ${span}</h2>
    <div class="wide" tabindex="0"><table>
      <thead><tr><th scope="col">Outcome</th><th scope="col">Means</th><th scope="col" class="number">Reports</th><th scope="col" class="number">Share</th></tr></thead>
      <tbody>${rows.map(({ key, reports }) => {
        const [outcome, disposition] = key.split(" ");
        return html`<tr><th scope="row">${outcome}</th><td><span class="mark ${disposition}">${disposition}</span></td><td class="number">${reports}</td><td class="number">${inPercent(reports, all)}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}
