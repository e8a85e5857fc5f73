/** What an operator may do with messages in quarantine. */
import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** Reading it would end the service once more. A person replays it by the command line. */
export function mayReplay(reason: string): boolean {
  return reason !== "not-read";
}

export interface Chosen {
  readonly name: "id" | "reason";
  readonly value: string;
  readonly reason: string;
  /** In words. */
  readonly which: string;
  /** Of messages with a reason: those that came later are not concerned, because nobody has seen them here. RFC 3339, UTC. */
  readonly before: string;
}

/** Dropping asks once more. */
export function actions({ name, value, reason, which, before }: Chosen): Html {
  const chosen = html`<input type="hidden" name="${name}" value="${value}" />
    <input type="hidden" name="before" value="${before}" />`;
  const replay = html`<form method="post" action="/quarantine/replay">
      ${chosen}
      <button>Replay ${which}</button>
    </form>`;
  return html`<div class="actions">
    ${mayReplay(reason) ? replay : ""}
    <details>
      <summary>Drop ${which} …</summary>
      <form method="post" action="/quarantine/drop">
        ${chosen}
        <button class="danger">Drop ${which} for good</button>
      </form>
    </details>
  </div>`;
}
