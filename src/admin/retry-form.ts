/** The button that gives one failed job back to consumers. */
import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** `next`: the address to come back to. */
export function retryForm({
  queue,
  id,
  next,
}: {
  readonly queue: string;
  readonly id: string;
  readonly next: string;
}): Html {
  return html`<form method="post" action="/queue/retry">
    <input type="hidden" name="queue" value="${queue}" />
    <input type="hidden" name="id" value="${id}" />
    <input type="hidden" name="next" value="${next}" />
    <button>Retry</button>
  </form>`;
}
