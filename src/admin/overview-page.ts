/** Overview: what is wrong, how much comes and how it fares, and which reports came last. All of it is live. */
import { setTimeout as wait } from "node:timers/promises";
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { EVERY_REPORT } from "../views/filter.ts";
import { banner } from "./banner.ts";
import { chart, layersIn, SPANS, spanIn } from "./charts.ts";
import { figures } from "./figures.ts";
import { type Html, layout, noCounts, pathOf } from "./layout.ts";
import type { Look, Part } from "./live.ts";
import { addressOf, type PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";
import { failingCodes, peersCard } from "./overview-cards.ts";
import { nothingYet, traceIsOff } from "./pieces.ts";
import { remembering } from "./remembering.ts";
import { reportTable } from "./report-rows.ts";
import { lookOf } from "./reports-page.ts";

/** All pages that are open show what was seen at one time. */
const SEEN_MS = 1_500;
const LATENCY_MS = 10_000;
const ANSWERS_MS = 1_000;
const LATEST_MS = 3_000;
const REPORTS_SHOWN = 10;

export interface Overview {
  readonly routes: Hono<PageEnv>;
  /** Its parts, for the live pages. */
  readonly parts: Readonly<Record<"banner" | "figures" | "codes" | "peers" | "chart", Part>>;
}

export function overviewPage(operations: Operations): Overview {
  const see = seeing(operations);
  const parts: Overview["parts"] = {
    banner: async () => bannerOf(await see()),
    figures: async () => figuresOf(await see()),
    codes: async () => codesOf(await see(), operations),
    peers: async (_, operator) => peersOf(await see(), operator),
    // Drawn again when there is something new.
    chart: async () => String((await see()).counts?.hour.reduce((all, { reports }) => all + reports, 0) ?? "away"),
  };

  const routes = new Hono<PageEnv>();
  routes.get("/", async (c) => {
    const seen = await see();
    const layers = layersIn(c.req.query("by"));
    const body = html`<div data-live="banner">${bannerOf(seen)}</div>
      <div data-live="figures">${figuresOf(seen)}</div>
      <div class="halves">
        <div data-live="codes">${codesOf(seen, operations)}</div>
        <div data-live="peers">${peersOf(seen, c.var.operator)}</div>
      </div>
      ${chart({ span: spanIn(c.req.query("span")), layers })}
      ${seen.away === null ? await latest(operations, c) : ""}`;
    return c.html(layout({ title: "Overview", path: pathOf(c), operator: c.var.operator, body }));
  });
  return { routes, parts };
}

/** The newest reports; those that come are put before them. */
async function latest(operations: Operations, c: Context<PageEnv>): Promise<Html> {
  // What is not found at once comes by the live stream.
  const found = await soon(operations.views.reports(EVERY_REPORT, null, addressOf(c)), LATEST_MS);
  const rows = found?.rows.slice(0, REPORTS_SHOWN) ?? [];
  const none = operations.traceOff
    ? traceIsOff()
    : found === null
      ? nothingYet("The latest reports are not found yet.", REASON)
      : nothingYet("No reports yet.", FIRST_STEP);
  const empty = rows.length === 0;
  return html`${empty ? html`<div data-when-empty>${none}</div>` : ""}
    <section class="card" data-live-max="${REPORTS_SHOWN}" ${empty ? "data-when-rows hidden" : ""}>
      <div class="title"><h2>Latest reports</h2>
        <span class="soft" data-live-skipped role="status"></span>
        <button type="button" data-live-pause hidden>Pause</button>
        <a href="/reports">All reports</a>
      </div>
      <div class="wide" tabindex="0">${reportTable(rows, lookOf(operations, c), found?.jobs ?? new Map(), "")}</div>
    </section>`;
}

const REASON = "Redis answers slowly, or many pages are asked for at once. They appear here as soon as they are found.";
const FIRST_STEP = html`Send some with <code>mm4d send --scenario storm</code>. Which peers may connect: <a href="/peers">Peers</a>.`;

type Seen = Awaited<ReturnType<ReturnType<typeof seeing>>>;

function seeing(operations: Operations) {
  const latency = remembering(LATENCY_MS, operations.latency);
  let startedAt: string | undefined;
  return remembering(SEEN_MS, async () => {
    const away = operations.redisAway();
    const [status, facts, peers, refusals, counts] = await Promise.all([
      operations.status(),
      operations.facts(),
      operations.peers(),
      soon(operations.refusals()),
      away === null ? soon(countsOf(operations)) : null,
    ]);
    const now = new Date();
    startedAt ??= new Date(now.getTime() - facts.runningMs).toISOString();
    return {
      ...{ status, facts, peers, counts, startedAt, now },
      refusals: refusals ?? [],
      away: away ?? (counts === null ? "Redis does not answer" : null),
      latency: await latency(),
    };
  });
}

/** What Redis tells, if it does at once: the banner must not wait for a Redis that hangs, of which it tells. */
async function soon<Answer>(asked: Promise<Answer>, withinMs = ANSWERS_MS): Promise<Answer | null> {
  return Promise.race([asked.catch(() => null), wait(withinMs, null, { ref: false })]);
}

async function countsOf({ tallies }: Operations) {
  const [hour, day] = await Promise.all(
    (["hour", "day"] as const).map((span) => tallies(SPANS[span].ms, SPANS[span].resolution)),
  );
  return { hour: hour ?? [], day: day ?? [] };
}

function bannerOf({ facts, status, startedAt }: Seen): Html {
  return banner(facts, status.state, startedAt);
}

function figuresOf(seen: Seen): Html {
  return figures(seen, seen.now);
}

function codesOf({ counts, away }: Seen, { catalogueOf }: Operations): Html {
  return counts === null ? noCounts(away ?? "") : failingCodes(counts.hour, counts.day, catalogueOf);
}

function peersOf({ peers, counts, refusals, now }: Seen, operator: Look): Html {
  return peersCard({ peers, hour: counts?.hour ?? null, refusals }, operator, now);
}
