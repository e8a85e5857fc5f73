/** Quarantine: messages that could not be read; why each is there, what it says, and what to do with it. */
import { Hono } from "hono";
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import { reasonInWords } from "../delivery/quarantined.ts";
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import { beginningOf } from "../text/beginning.ts";
import { maskHeader } from "../text/mask-header.ts";
import { maskAllNumbers } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { type Html, layout, pathOf, time } from "./layout.ts";
import { addressOf, type Login, type Operator, type PageEnv } from "./login.ts";
import type { OnAction, Operations, QuarantineDesk } from "./operations.ts";

const PAGE = 50;
const MAX_HEX_BYTES = 2_048;

export function quarantinePage(operations: Operations, { mayAct }: Login, onAction: OnAction): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();

  routes.get("/quarantine", async (c) => {
    const { operator } = c.var;
    const desk = await operations.quarantine();
    const from = Math.max(0, Number.parseInt(c.req.query("from") ?? "0", 10) || 0);
    const [reasons, entries] = [await desk.reasons(), await desk.list(from, PAGE)];
    const all = [...reasons.values()].reduce((sum, count) => sum + count, 0);
    const body = html`<h1>Quarantine</h1>
      ${done(c.req.query())}
      ${all === 0 ? html`<p class="card">It is empty: every message could be read.</p>` : html`${byReason(reasons, operator)} ${list(entries, from, all)}`}`;
    return c.html(layout({ title: "Quarantine", path: pathOf(c), operator, body }));
  });

  routes.get("/quarantine/:id", async (c) => {
    const { operator } = c.var;
    const desk = await operations.quarantine();
    const entry = await desk.find(c.req.param("id"));
    const body = entry
      ? await show(entry, desk, operator)
      : html`<h1>Not there</h1><p class="card">No such message is in quarantine: it was replayed or dropped. <a href="/quarantine">Back</a></p>`;
    const title = entry ? "Quarantined message" : "Not there";
    return c.html(layout({ title, path: pathOf(c), operator, body }), entry ? 200 : 404);
  });

  routes.post("/quarantine/replay", mayAct, async (c) => {
    const desk = await operations.quarantine();
    const { which, chosen } = await choose(desk, await c.req.parseBody());
    let published = 0;
    let kept = 0;
    try {
      for await (const entry of chosen) {
        if (mayReplay(entry.message.reason) && (await desk.replay(entry)).published) published += 1;
        else kept += 1;
      }
    } finally {
      // Also when it breaks off half-way.
      onAction("quarantine-replayed", { address: addressOf(c), ...which, published, kept });
    }
    return c.redirect(`/quarantine?replayed=${published}&kept=${kept}`, 303);
  });

  routes.post("/quarantine/drop", mayAct, async (c) => {
    const desk = await operations.quarantine();
    const { which, chosen } = await choose(desk, await c.req.parseBody());
    let dropped = 0;
    try {
      for await (const { id } of chosen) if (await desk.drop(id)) dropped += 1;
    } finally {
      onAction("quarantine-dropped", { address: addressOf(c), ...which, dropped });
    }
    return c.redirect(`/quarantine?dropped=${dropped}`, 303);
  });
  return routes;
}

/** One message, or those of a reason that were there when the page was made. */
async function choose(desk: QuarantineDesk, { id, reason, before }: Readonly<Record<string, unknown>>) {
  if (typeof reason === "string" && reason !== "") {
    return { which: { reason, before }, chosen: seen(desk.ofReason(reason), String(before)) };
  }
  const entry = typeof id === "string" ? await desk.find(id) : undefined;
  return { which: { id }, chosen: entry ? [entry] : [] };
}

async function* seen(entries: AsyncIterable<QuarantineEntry>, before: string): AsyncGenerator<QuarantineEntry> {
  for await (const entry of entries) if (entry.message.receivedAt <= before) yield entry;
}

/** What the last click did. It shows numbers only, because anybody can write a query into a link. */
function done(query: Readonly<Record<string, string>>): Html {
  const count = (name: string): number => Number.parseInt(query[name] ?? "", 10);
  const said = [
    ...(count("replayed") >= 0 ? [`${some(count("replayed"), "message")} replayed`] : []),
    ...(count("kept") > 0 ? [`${some(count("kept"), "message")} still cannot be read, and stayed`] : []),
    ...(count("dropped") >= 0 ? [`${some(count("dropped"), "message")} dropped`] : []),
  ];
  return said.length === 0 ? html`` : html`<p class="card done" role="status">${said.join("; ")}.</p>`;
}

function byReason(reasons: ReadonlyMap<string, number>, { loggedIn }: Operator): Html {
  return html`<section class="card">
    <h2>Why they are here</h2>
    <ul class="reasons">
      ${[...reasons].map(
        ([reason, count]) => html`<li>
          <p><strong>${reason}</strong>: ${some(count, "message")}; ${reasonInWords(reason)}</p>
          ${loggedIn ? actions({ name: "reason", value: reason, reason, which: `all ${count}` }) : ""}
        </li>`,
      )}
    </ul>
  </section>`;
}

/** Reading it would end the service once more. A person replays it by the command line. */
function mayReplay(reason: string): boolean {
  return reason !== "not-read";
}

interface Chosen {
  readonly name: "id" | "reason";
  readonly value: string;
  readonly reason: string;
  /** In words. */
  readonly which: string;
}

/** Dropping asks once more. It does not concern messages that came after the page was made. */
function actions({ name, value, reason, which }: Chosen): Html {
  const chosen = html`<input type="hidden" name="${name}" value="${value}" />
    <input type="hidden" name="before" value="${new Date().toISOString()}" />`;
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

function list(entries: readonly QuarantineEntry[], from: number, all: number): Html {
  return html`<section class="card">
    <h2>${from + 1} to ${from + entries.length} of ${all}, oldest first</h2>
    <div class="wide" tabindex="0"><table>
      <thead><tr><th scope="col">Received (UTC)</th><th scope="col">Why</th><th scope="col">Peer</th><th scope="col" class="number">Bytes</th></tr></thead>
      <tbody>${entries.map(
        ({ id, message }) =>
          html`<tr><th scope="row"><a href="/quarantine/${id}">${time(message.receivedAt)}</a></th><td>${message.reason}</td><td>${message.peer.name}</td><td class="number">${Buffer.byteLength(message.raw, "base64")}</td></tr>`,
      )}</tbody>
    </table></div>
    <p class="pages">
      ${from > 0 ? html`<a href="/quarantine?from=${Math.max(0, from - PAGE)}">Older</a>` : ""}
      ${from + entries.length < all ? html`<a href="/quarantine?from=${from + PAGE}">Newer</a>` : ""}
    </p>
  </section>`;
}

export async function show(
  { id, message }: QuarantineEntry,
  desk: Pick<QuarantineDesk, "readBody">,
  operator: Operator,
): Promise<Html> {
  const bytes = Buffer.from(message.raw, "base64");
  const masked = operator.numbers === "masked";
  const [header = ""] = bytes.toString("latin1").split(/\r?\n\r?\n/, 1);
  const text = beginningOf(Buffer.from(header, "latin1").toString(), BOUNDS.messageShown.value);
  const body = await desk
    .readBody(bytes)
    .catch((cause: Error) => ({ text: `(cannot be read: ${cause.message})`, parts: [] }));
  const said = (words: string, most?: number): string => {
    const shown = beginningOf(words, most);
    return visible(masked ? maskAllNumbers(shown) : shown);
  };
  return html`<h1>Quarantined message</h1>
    <section class="card">
      <dl class="pairs">
        <dt>Received</dt><dd>${time(message.receivedAt)} UTC</dd>
        <dt>Why</dt><dd>${message.reason}: ${reasonInWords(message.reason)}</dd>
        <dt>Peer</dt><dd>${message.peer.name} (${message.peer.address})</dd>
        <dt>Id</dt><dd>${id}</dd>
        ${message.notKept ? html`<dt>Not kept</dt><dd>${some(message.notKept, "byte")} of the end of its body</dd>` : ""}
      </dl>
      ${message.detail === null ? "" : html`<pre tabindex="0">${said(message.detail, BOUNDS.valueShown.value)}</pre>`}
      ${operator.loggedIn ? actions({ name: "id", value: id, reason: message.reason, which: "it" }) : html`<p>To replay or drop it, log in (MM4D_ADMIN_TOKEN).</p>`}
    </section>
    <section class="card"><h2>Header</h2><pre tabindex="0">${visible(masked ? maskHeader(text, []) : text)}</pre></section>
    <section class="card">
      <h2>Body, as mailparser reads it</h2>
      ${body.text.trim() === "" ? html`<p>No text.</p>` : html`<pre tabindex="0">${said(body.text.trimEnd(), BOUNDS.messageShown.value)}</pre>`}
      ${body.parts.length === 0 ? "" : html`<ul>${body.parts.slice(0, BOUNDS.listShown.value).map((part) => html`<li>${said(part)}</li>`)}</ul>`}
    </section>
    ${isText(bytes) || masked ? "" : html`<section class="card"><h2>Bytes</h2><pre tabindex="0">${hexOf(bytes.subarray(0, MAX_HEX_BYTES))}</pre></section>`}
    ${isText(bytes) || !masked ? "" : html`<p class="card">It holds bytes that are no text. They are shown with the numbers.</p>`}`;
}

/** Whether it is UTF-8 without control characters but line ends and tabs. */
function isText(bytes: Buffer): boolean {
  const text = bytes.toString();
  return !text.includes("\ufffd") && !/[^\P{Cc}\r\n\t]/u.test(text);
}

function hexOf(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.toString("latin1").replace(/[^\x20-\x7e]/g, ".");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}
