/** What waits on a queue, or is in consumers' hands, as a list: the oldest, each leading to its report. */
import { html } from "hono/html";
import { visible } from "../text/visible.ts";
import type { JobRow, ListedJobs, ListedState } from "../views/views.ts";
import { addressOfId } from "./addresses.ts";
import type { Html } from "./layout.ts";
import type { Operator } from "./operator.ts";
import { ago, wholeId } from "./pieces.ts";
import { idShown } from "./report-rows.ts";

/** Which list is asked for; null for none. */
export function listedIn(text: string | undefined): ListedState | null {
  return text === "waiting" || text === "active" ? text : null;
}

/** The address of that list. `index`: of the queue, from which several are told apart. */
export function listedAddress(state: ListedState, index = 0): string {
  return `/queue?show=${state}#${anchor(state, index)}`;
}

/** The anchor of a part of a queue: each queue has its own. */
export function anchor(name: string, index: number): string {
  return index === 0 ? name : `${name}-${index + 1}`;
}

const SAYS = {
  waiting: { title: "Waiting", since: "Queued", none: "No event waits now." },
  active: { title: "Active", since: "Taken", none: "Consumers have no event in hand now." },
} as const;

/** A list with its title. */
export function listedJobs(
  state: ListedState,
  { all, jobs }: ListedJobs,
  index: number,
  operator: Pick<Operator, "numbers">,
): Html {
  const { title, since, none } = SAYS[state];
  const which =
    jobs.length < all ? `the oldest ${jobs.length} of ${all.toLocaleString("en")}` : all.toLocaleString("en");
  return html`<div class="title" id="${anchor(state, index)}"><h3>${title}: ${which}</h3> <a href="/queue">Close</a></div>
    ${
      jobs.length === 0
        ? html`<p>${none}</p>`
        : html`<table class="cards">
      <thead><tr><th scope="col">${since}</th><th scope="col">Message</th><th scope="col" class="number">Attempts</th></tr></thead>
      <tbody>${jobs.map((job) => jobRow(job, since, operator))}</tbody>
    </table>`
    }`;
}

function jobRow(job: JobRow, since: string, operator: Pick<Operator, "numbers">): Html {
  return html`<tr>
    <th scope="row" data-label="${since}">${job.at === null ? "–" : ago(job.at)}</th>
    <td data-label="Message">${messageOf(job, operator)}</td>
    <td data-label="Attempts" class="number">${job.attempts}</td>
  </tr>`;
}

/** The message of a job, as a link to its report; its own id where another program has put it there. */
export function messageOf({ id, eventId, messageId, numbers }: JobRow, operator: Pick<Operator, "numbers">): Html {
  if (eventId === null) return wholeId(id);
  const shown = messageId === null ? "without id" : visible(idShown(messageId, numbers, operator.numbers));
  return html`<a class="open" href="${addressOfId(eventId)}">${shown}</a>`;
}
