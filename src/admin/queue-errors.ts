/** Events of a queue that failed, or wait to be tried again, by their errors: on the page Queue. */
import { html } from "hono/html";
import { maskAllNumbers } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { JobGroup, JobGroups, JobRow, Troubles } from "../views/views.ts";
import type { Html } from "./layout.ts";
import type { Operator } from "./operator.ts";
import { ago } from "./pieces.ts";
import { anchor, messageOf } from "./queue-list.ts";
import { retryForm } from "./retry-form.ts";

/** Where a list of errors stands, and for whom. */
interface ErrorList {
  readonly queue: string;
  readonly index: number;
  readonly operator: Operator;
}

/** Both, each error with the newest events that had it. Who is logged in may give those that failed back to consumers. */
export function listedErrors({ failed, retrying }: Troubles, list: ErrorList): Html {
  if (failed.jobs === 0 && retrying.jobs === 0)
    return html`<p>No event has failed, and none waits to be tried again.</p>`;
  return html`${groupsOf("failed", failed, list)} ${groupsOf("retrying", retrying, list)}`;
}

const TITLES = { failed: "Failed", retrying: "Retrying" } as const;
type Kind = keyof typeof TITLES;

function groupsOf(kind: Kind, { groups, jobs, lookedAt }: JobGroups, list: ErrorList): Html {
  if (jobs === 0) return html``;
  return html`<h3 id="${anchor(kind, list.index)}">${TITLES[kind]}: ${some(jobs, "event")}, by error</h3>
    ${kind === "failed" && !list.operator.loggedIn ? html`<p>To give them back to consumers, log in (MM4D_ADMIN_TOKEN).</p>` : ""}
    ${lookedAt < jobs ? html`<p>The newest ${lookedAt.toLocaleString("en")} were looked at.</p>` : ""}
    ${groups.map((group) => groupOf(kind, group, list))}`;
}

function groupOf(kind: Kind, group: JobGroup, { queue, operator }: ErrorList): Html {
  const { error, example, firstAt, lastAt, next, newest, jobs } = group;
  const shown = errorShown(operator);
  const mayRetry = operator.loggedIn && kind === "failed";
  const times = [
    ...(firstAt === null ? [] : [html`first ${ago(firstAt)}`]),
    ...(lastAt === null || lastAt === firstAt ? [] : [html`last ${ago(lastAt)}`]),
    ...(next === null ? [] : [due(next)]),
  ];
  return html`<div class="group">
    <p class="error">${example === "" ? "(the consumer gave no reason)" : shown(example)}</p>
    <p class="soft"><strong>${some(jobs, "event")}</strong>${times.map((time) => html`, ${time}`)}</p>
    ${mayRetry ? retryAll(queue, error, jobs) : ""}
    <details><summary>${newest.length < jobs ? `The newest ${newest.length}` : "Which they are"}</summary>
      <table class="cards">
        <thead><tr><th scope="col">When</th><th scope="col">Message</th><th scope="col" class="number">Attempts</th><th scope="col">Error</th>${mayRetry ? html`<th scope="col">Action</th>` : ""}</tr></thead>
        <tbody>${newest.map((job) => jobRow(job, mayRetry ? queue : null, operator))}</tbody>
      </table>
    </details>
  </div>`;
}

/** In words that stay right when its time passes while the page is open. */
function due(at: string): Html {
  return html`next due ${ago(at)}${Date.parse(at) < Date.now() ? ", waits for a consumer" : ""}`;
}

function retryAll(queue: string, error: string, jobs: number): Html {
  return html`<form method="post" action="/queue/retry">
    <input type="hidden" name="queue" value="${queue}" />
    <input type="hidden" name="error" value="${error}" />
    <button>Retry ${jobs === 1 ? "it" : `all ${jobs.toLocaleString("en")}`}</button>
  </form>`;
}

/** `queue`: null when it cannot be retried. */
function jobRow(job: JobRow, queue: string | null, operator: Operator): Html {
  const { id, attempts, at, text } = job;
  const shown = errorShown(operator)(text);
  return html`<tr>
    <th scope="row" data-label="When">${at === null ? "–" : ago(at)}</th>
    <td data-label="Message">${messageOf(job, operator)}</td>
    <td data-label="Attempts" class="number">${attempts}</td>
    <td data-label="Error"><details><summary>Error</summary><pre class="error" tabindex="0">${shown}</pre></details></td>
    ${queue !== null ? html`<td data-label="Action">${retryForm({ queue, id, next: "/queue" })}</td>` : ""}
  </tr>`;
}

function errorShown({ numbers }: Pick<Operator, "numbers">): (text: string) => string {
  return (text) => visible(numbers === "full" ? text : maskAllNumbers(text));
}
