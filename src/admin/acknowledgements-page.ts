/** Acknowledgements: which are owed, which could not be sent, and sending them again. */
import { setImmediate as turn } from "node:timers/promises";
import { Hono } from "hono";
import { html } from "hono/html";
import type { AcknowledgementEntry, AcknowledgementState } from "../acknowledgement/desk.ts";
import { beginningOf } from "../text/beginning.ts";
import { acknowledgementMask, type Mask, maskAllNumbers } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { choices, type Html, layout, pathOf, time } from "./layout.ts";
import { addressOf, type Login, type Operator, type PageEnv } from "./login.ts";
import type { OnAction, Operations } from "./operations.ts";

const MAX_SHOWN = 100;
/** What each choice shows. */
const CHOICES = {
  open: ["Owed", ["owed", "sending", "retrying"]],
  undelivered: ["Undelivered", ["undelivered"]],
  bounced: ["Bounced", ["bounced"]],
  sent: ["Sent", ["sent"]],
} as const satisfies Record<string, readonly [string, readonly AcknowledgementState[]]>;
type Choice = keyof typeof CHOICES;

export function acknowledgementsPage(operations: Operations, { mayAct }: Login, onAction: OnAction): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();

  routes.get("/acknowledgements", async (c) => {
    const { operator } = c.var;
    const choice = choiceIn(c.req.query("show"));
    const desk = await operations.acknowledgements();
    const entries: AcknowledgementEntry[] = [];
    for await (const entry of desk.list(CHOICES[choice][1])) if (entries.push(entry) > MAX_SHOWN) break;
    const rows: Html[] = [];
    for (const entry of entries.slice(0, MAX_SHOWN)) {
      // Reports are received between two rows.
      await turn();
      rows.push(row(entry, operator));
    }
    const again = Number.parseInt(c.req.query("again") ?? "", 10);
    const all = (Object.keys(CHOICES) as Choice[]).map(
      (name) => [`/acknowledgements?show=${name}`, CHOICES[name][0], name === choice] as const,
    );
    const body = html`<h1>Acknowledgements</h1>
      ${again >= 0 ? html`<p class="card done" role="status">${some(again, "acknowledgement")} sent again.</p>` : ""}
      ${choices("State", all)}
      ${entries.length === 0 ? html`<p class="card">None.</p>` : table(rows, operator)}
      ${entries.length > MAX_SHOWN ? html`<p>There are more; these are the oldest. mm4d acks list tells all.</p>` : ""}
      ${operator.loggedIn && choice === "undelivered" && entries.length > 0 ? retryAll() : ""}`;
    return c.html(layout({ title: "Acknowledgements", path: pathOf(c), operator, body }));
  });

  routes.post("/acknowledgements/retry", mayAct, async (c) => {
    const { id, state } = await c.req.parseBody();
    const desk = await operations.acknowledgements();
    let again = 0;
    try {
      if (state === "undelivered") {
        for await (const entry of desk.list([state])) if (await desk.retry(entry.id, state)) again += 1;
      } else if (typeof id === "string" && (await desk.retry(id))) again = 1;
    } finally {
      // Also when it breaks off half-way.
      onAction("acknowledgements-retried", { address: addressOf(c), id, state, again });
    }
    return c.redirect(`/acknowledgements?again=${again}`, 303);
  });
  return routes;
}

function choiceIn(text: string | undefined): Choice {
  return text !== undefined && Object.hasOwn(CHOICES, text) ? (text as Choice) : "open";
}

function table(rows: readonly Html[], { loggedIn }: Operator): Html {
  return html`<section class="card"><div class="wide" tabindex="0"><table>
    <thead><tr><th scope="col">Peer</th><th scope="col">State</th><th scope="col">Says</th><th scope="col">Ids</th><th scope="col">Answer, or why not</th>${loggedIn ? html`<th scope="col">Do</th>` : ""}</tr></thead>
    <tbody>${rows}</tbody>
  </table></div></section>`;
}

export function row(
  { id, state, acknowledgement: ack, attempts, error, reply, at }: AcknowledgementEntry,
  { loggedIn, numbers }: Pick<Operator, "loggedIn" | "numbers">,
): Html {
  const mask = acknowledgementMask(ack);
  const shown = (text: string, masked: Mask): string =>
    visible(numbers === "full" ? beginningOf(text) : masked(beginningOf(text)));
  const bounce = ack.bounce ? `${ack.bounce.action} ${ack.bounce.status ?? ""} ${ack.bounce.diagnostic ?? ""}` : null;
  return html`<tr>
    <th scope="row">${ack.peer}</th>
    <td>${state}${attempts === 0 ? "" : `, ${some(attempts, "attempt")}`} ${at === null ? "" : time(at)}</td>
    <td>${ack.messageType} ${ack.requestStatus}</td>
    <td>${shown(ack.transactionId ?? "none", mask)}<br />${shown(ack.messageId ?? "none", mask)}</td>
    <td>${shown(bounce ?? error ?? reply ?? "", (text) => mask(maskAllNumbers(text)))}</td>
    ${loggedIn ? html`<td>${state === "owed" || state === "sending" ? "" : retryOne(id)}</td>` : ""}
  </tr>`;
}

function retryOne(id: string): Html {
  return html`<form method="post" action="/acknowledgements/retry"><input type="hidden" name="id" value="${id}" /><button>Send again</button></form>`;
}

function retryAll(): Html {
  return html`<form method="post" action="/acknowledgements/retry"><input type="hidden" name="state" value="undelivered" /><button>Send all undelivered again</button></form>`;
}
