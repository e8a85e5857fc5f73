/** Whether all is well, and if not, why, what to do, and where to see more. */
import { html } from "hono/html";
import type { REASONS, State } from "../monitoring/reasons.ts";
import type { StatusFacts } from "../monitoring/status.ts";
import { visible } from "../text/visible.ts";
import type { Html } from "./layout.ts";
import { listedAddress } from "./queue-list.ts";

const HEADLINES: Readonly<Record<State, string>> = {
  well: "All is well",
  "needs-attention": "Needs attention",
  "not-well": "Not well",
};

const QUEUE = ["/queue", "Queue"] as const;
const QUARANTINE = ["/quarantine", "Quarantine"] as const;
const PEERS = ["/peers", "Peers"] as const;
/** Of reasons of which a page shows more. Of the others, what to do is outside of mm4d. */
const SEEN_AT: Readonly<Record<string, readonly [href: string, page: string]>> = {
  "events-not-queued": QUEUE,
  "queue-slow": QUEUE,
  "queue-paused": QUEUE,
  "events-abandoned": [listedAddress("waiting"), "Queue"],
  "events-not-taken": [listedAddress("waiting"), "Queue"],
  "events-retrying": ["/queue#retrying", "Queue"],
  "events-failed": ["/queue#failed", "Queue"],
  "quarantine-full": QUARANTINE,
  "quarantine-nearly-full": QUARANTINE,
  "journal-share-full": PEERS,
  "settings-not-reloaded": PEERS,
  "acknowledgements-not-taken": PEERS,
  "mmsc-unreachable": PEERS,
  "peer-silent": PEERS,
} satisfies Partial<Record<(typeof REASONS)[number]["name"], readonly [string, string]>>;

export function banner(
  { reasons, version }: Pick<StatusFacts, "reasons" | "version">,
  state: State,
  startedAt: string,
): Html {
  return html`<section class="banner ${state}">
    <div class="title"><h1>${HEADLINES[state]}</h1><p class="soft">mm4d ${version}, started <time datetime="${startedAt}" data-ago>${startedAt}</time></p></div>
    ${
      reasons.length === 0
        ? ""
        : html`<ul>${reasons.map(({ name, text, remedy }) => {
            const seenAt = SEEN_AT[name];
            return html`<li><span class="reason">${visible(text)}</span>. ${seenAt === undefined ? "" : html`<a href="${seenAt[0]}">${seenAt[1]} →</a>`}
              <span class="remedy">${inWords(remedy)}</span></li>`;
          })}</ul>`
    }
  </section>`;
}

/** What to do, as operating.md writes it: a link there becomes its words. */
function inWords(remedy: string): string {
  return `${remedy.replace(/\[([^\][]*)\]\([^()]*\)/g, "$1").replaceAll("`", "")}.`;
}
