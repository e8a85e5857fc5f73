/** The five figures of the overview. */
import { html } from "hono/html";
import { sumBy, type Tally } from "../delivery/tally.ts";
import type { Latency } from "../monitoring/latency.ts";
import type { QueueUse } from "../monitoring/observed.ts";
import type { StatusFacts } from "../monitoring/status.ts";
import { inPercent, some, sum } from "../text/quantities.ts";
import { chartOf } from "./chart-data.ts";
import type { Html } from "./layout.ts";
import { ago, countOf } from "./pieces.ts";
import { listedAddress } from "./queue-list.ts";
import { sparkline } from "./sparkline.ts";

export interface FiguresSeen {
  readonly facts: Pick<StatusFacts, "reportsLastMinute" | "events" | "further">;
  /** Counts of the last hour by the minute, and of the last day by the hour; null while Redis is away. */
  readonly counts: { readonly hour: readonly Tally[]; readonly day: readonly Tally[] } | null;
  readonly latency: Latency;
}

export function figures({ facts, counts, latency }: FiguresSeen, now: Date): Html {
  return html`<dl class="figures">
    ${figure("Reports", html`<a href="/reports" title="${facts.reportsLastMinute.toLocaleString("en")} in the last minute">${rate(facts.reportsLastMinute)}</a>`, counts === null ? "" : html`${sparkline(perMinute(counts.hour, now), "Reports of each minute of the last hour")} last hour`)}
    ${success(counts)}
    ${figure("Reply, p50", latency.reply === null ? "–" : milliseconds(latency.reply.p50), replies(latency))}
    ${waiting(facts)}
    ${consumers(facts)}
  </dl>`;
}

function figure(name: string, value: Html | string, more: Html | string): Html {
  return html`<div class="card"><dt>${name}</dt><dd class="value">${value}</dd><dd>${more}</dd></div>`;
}

/** Per second, to as many digits as say something; of less than one a second the count. */
export function rate(perMinute: number): string {
  const perSecond = perMinute / 60;
  if (perMinute === 0) return "0/s";
  if (perSecond < 1) return `${perMinute} a minute`;
  return perSecond < 10 ? `${perSecond.toFixed(1)}/s` : `${Math.round(perSecond).toLocaleString("en")}/s`;
}

function perMinute(hour: readonly Tally[], now: Date): readonly number[] {
  const { times, series } = chartOf(hour, "hour", now);
  return times.map((_, bar) => sum(series.map(({ counts }) => counts[bar] ?? 0)));
}

function success(counts: FiguresSeen["counts"]): Html {
  if (counts === null) return figure("Success, 1 h", "–", "not known while Redis is away");
  const [hour, day] = [shareOf(counts.hour), shareOf(counts.day)];
  if (hour.reports === 0) return figure("Success, 1 h", "–", "no reports in the last hour");
  const points = Math.round(100 * (hour.successes / hour.reports - day.successes / Math.max(1, day.reports)));
  const change =
    points === 0 ? "as in the last 24 h" : `${points > 0 ? "▲" : "▼"} ${some(Math.abs(points), "point")} against 24 h`;
  return figure(
    "Success, 1 h",
    html`<a href="/reports?since=1h&amp;disposition=success">${inPercent(hour.successes, hour.reports)}</a>`,
    html`${change}<br />${countOf(hour.failures, "/reports?since=1h&disposition=failure")} ${hour.failures === 1 ? "failure" : "failures"}`,
  );
}

function shareOf(tallies: readonly Tally[]) {
  const [all] = sumBy(tallies, () => "all");
  return all ?? { reports: 0, successes: 0, failures: 0 };
}

function replies({ reply, queue }: Latency): Html {
  if (reply === null) return html`no report since the start`;
  const onQueue = queue === null ? "" : html`; on the queue <span class="pair">${milliseconds(queue.p95)}</span>`;
  return html`p95 <span class="pair">${milliseconds(reply.p95)}</span>${onQueue}, since the start`;
}

/** Up to 10 s in milliseconds. */
function milliseconds(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}

type Queues = Pick<StatusFacts, "events" | "further">;

function usesOf({ events, further }: Queues): readonly QueueUse[] {
  return [events, ...further.map(({ use }) => use)].filter((use) => use !== undefined);
}

function jobsOf(uses: readonly QueueUse[], state: string): number {
  return sum(uses.map(({ jobs }) => jobs[state] ?? 0));
}

function waiting(facts: Queues): Html {
  const uses = usesOf(facts);
  const name = facts.further.length === 0 ? "Events waiting" : `Events waiting, ${facts.further.length + 1} queues`;
  if (uses.length === 0) return figure(name, "–", "not known: Redis is away, or was not looked at yet");
  const oldest = uses
    .map(({ oldestWaitingAt }) => oldestWaitingAt)
    .filter((at) => at !== null)
    .sort((a, b) => Number(a) - Number(b))[0];
  return figure(
    name,
    html`<a href="${listedAddress("waiting")}">${jobsOf(uses, "waiting").toLocaleString("en")}</a>`,
    html`<a href="${listedAddress("active")}">${jobsOf(uses, "active").toLocaleString("en")} active</a>, <a href="/queue#retrying">${jobsOf(uses, "delayed").toLocaleString("en")} retrying</a>${oldest === undefined ? "" : html`<br />the oldest came ${ago(oldest.toISOString())}`}`,
  );
}

function consumers(facts: Queues): Html {
  const uses = usesOf(facts);
  if (uses.length === 0) return figure("Consumers", "–", "not known: Redis is away, or was not looked at yet");
  const failed = jobsOf(uses, "failed");
  const known = uses.every(({ workers }) => workers !== null);
  return figure(
    "Consumers",
    html`<a href="/queue#consumers">${known ? sum(uses.map(({ workers }) => workers ?? 0)) : "?"}</a>`,
    html`<a href="/queue#failed">${failed.toLocaleString("en")} failed</a>${uses.some(({ paused }) => paused) ? ", paused" : ""}${known ? "" : html`<br />${uses.find(({ workersUnknown }) => workersUnknown !== null)?.workersUnknown ?? ""}`}`,
  );
}
