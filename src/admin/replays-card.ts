/** Replays on the page Queue: who publishes what again, where, and how far it is. A command runs them, not the page. */
import { html } from "hono/html";
import { maskAllNumbers } from "../text/masking.ts";
import { inPercent } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { type Html, time } from "./layout.ts";
import type { Look } from "./live.ts";
import type { Operations, ReplaySeen } from "./operations.ts";
import { ago } from "./pieces.ts";

/** The card of the last replays; empty where there is none. Never rejects: what cannot be found is said. */
export async function replaysCard(operations: Operations, look: Pick<Look, "numbers">): Promise<Html> {
  const found = await operations.replays().catch((cause: Error) => cause);
  if (found instanceof Error) return html`<p class="fault">Replays cannot be listed: ${visible(found.message)}.</p>`;
  if (found.length === 0) return html``;
  return html`<section class="card" aria-label="Replays">
    <h2>Replays</h2>
    <div class="wide" tabindex="0"><table class="cards">
      <thead><tr><th scope="col">Replay</th><th scope="col">By</th><th scope="col">Reports</th><th scope="col">To</th><th scope="col" class="number">Published</th><th scope="col">State</th></tr></thead>
      <tbody>${found.map((replay) => row(replay, look))}</tbody>
    </table></div>
  </section>`;
}

function row(replay: ReplaySeen, { numbers }: Pick<Look, "numbers">): Html {
  const { name, by, wanted, rate, published, startedAt } = replay;
  const { since, until, filter, queue } = wanted;
  const shown = (text: string): string => visible(numbers === "full" ? text : maskAllNumbers(text));
  const filters = Object.entries(filter).map(([option, value]) => html`<br />${option} ${shown(value)}`);
  return html`<tr>
    <th scope="row" data-label="Replay"><strong>${visible(name)}</strong><br />${ago(startedAt)}</th>
    <td data-label="By">${visible(by)}</td>
    <td data-label="Reports">${time(since)} to ${time(until)}${filters}</td>
    <td data-label="To">${visible(queue)}<br />${rate} a second</td>
    <td data-label="Published" class="number">${published.toLocaleString("en")}</td>
    <td data-label="State">${stateOf(replay)}</td>
  </tr>`;
}

function stateOf(replay: ReplaySeen): Html {
  const { state, why, at, name, brokenOff } = replay;
  const goOn = html`<br />go on: <code>mm4d replay --name ${visible(name)}</code>`;
  if (brokenOff) return html`broken off ${ago(at)}, ${howFar(replay)}${goOn}`;
  switch (state) {
    case "running":
      return html`running, ${howFar(replay)}`;
    case "waiting":
      return html`waits for ${visible(why)}, ${howFar(replay)}`;
    case "stopped":
      return html`stopped ${ago(at)}, ${howFar(replay)}${goOn}`;
    case "failed":
      return html`failed ${ago(at)}: ${visible(why)}${goOn}`;
    case "done":
      return html`done ${ago(at)}`;
  }
}

/** Of the time that it is to publish. */
function howFar({ wanted, place }: ReplaySeen): string {
  const [since, until, at] = [wanted.since, wanted.until, place ?? wanted.since].map(Date.parse) as [
    number,
    number,
    number,
  ];
  return `${inPercent(at - since, until - since)} of that time`;
}
