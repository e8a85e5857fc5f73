/** Quarantine: messages that could not be read, how full it is, and what to do with one, some or all of a reason. */
import { setImmediate as turn } from "node:timers/promises";
import { Hono } from "hono";
import { html } from "hono/html";
import { namesOf } from "../catalogue/by-peers.ts";
import { reasonInWords } from "../delivery/quarantined.ts";
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import { inPercent, megabytes, some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { type Html, layout, pathOf } from "./layout.ts";
import type { Look, Part } from "./live.ts";
import { addressOf, type Login, type Operator, type PageEnv } from "./login.ts";
import type { Fill, OnAction, Operations, QuarantineDesk } from "./operations.ts";
import { ago, nothingYet } from "./pieces.ts";
import { actions, mayReplay } from "./quarantine-actions.ts";
import { inBrief, show } from "./quarantine-message.ts";
import { lookingInto, PAGE, type QuarantineAsked, type QuarantineSeen } from "./quarantine-seen.ts";
import { inTurn } from "./remembering.ts";
import { peerAddress } from "./reports-address.ts";

export interface QuarantinePages {
  readonly routes: Hono<PageEnv>;
  /** What is live on them. */
  readonly parts: Readonly<Record<string, Part>>;
}

export function quarantinePages(operations: Operations, { mayAct }: Login, onAction: OnAction): QuarantinePages {
  const routes = new Hono<PageEnv>();
  const look = lookingInto(operations);
  // The rows of large messages take as long as finding them.
  const open = inTurn(async (from: number, reason: string, loggedIn: boolean, numbers: Operator["numbers"]) => {
    const seen = await look.opened({ from, reason: reason === "" ? null : reason });
    return { ...seen, list: await contents(seen, { loggedIn, numbers }) };
  });

  routes.get("/quarantine", async (c) => {
    const { operator } = c.var;
    const asked = askedIn(pathOf(c));
    const seen = await open(asked.from, asked.reason ?? "", operator.loggedIn, operator.numbers);
    const body = html`<h1>Quarantine</h1>
      ${done(c.req.query())}
      <div data-live="quarantine-fill">${fill(await operations.quarantineFill(), seen.all)}</div>
      <p class="card" data-live-waits="quarantine-list" role="status" hidden>Messages have come or gone. They are shown as soon as no box is checked.</p>
      <div data-live-of="${listAddress(asked)}" data-live="quarantine-list" data-live-held>${seen.list}</div>`;
    return c.html(layout({ title: "Quarantine", path: pathOf(c), operator, body }));
  });

  routes.get("/quarantine/:id", async (c) => {
    const { operator } = c.var;
    const desk = await operations.quarantine();
    const entry = await desk.find(c.req.param("id"));
    const body = entry
      ? await show(entry, desk, await operations.peerNames(), operator)
      : html`<h1>Not there</h1><p class="card">This message is not in quarantine: it was replayed or dropped. <a href="/quarantine">Back</a></p>`;
    const title = entry ? "Quarantined message" : "Not there";
    return c.html(layout({ title, path: pathOf(c), operator, body }), entry ? 200 : 404);
  });

  // As it came, so with its numbers.
  routes.get("/quarantine/:id/message.eml", mayAct, async (c) => {
    if (c.var.operator.numbers === "masked")
      return c.text("Show numbers first: a message as it came holds them\n", 403);
    const entry = await (await operations.quarantine()).find(c.req.param("id"));
    if (!entry) return c.text("This message is not in quarantine\n", 404);
    onAction("quarantine-downloaded", { address: addressOf(c), id: entry.id });
    return c.body(new Uint8Array(Buffer.from(entry.message.raw, "base64")), 200, {
      "content-type": "message/rfc822",
      "content-disposition": `attachment; filename="${entry.id}.eml"`,
    });
  });

  routes.post("/quarantine/replay", mayAct, async (c) => {
    const desk = await operations.quarantine();
    const { which, chosen } = choose(desk, await c.req.parseBody({ all: true }));
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
    const { which, chosen } = choose(desk, await c.req.parseBody({ all: true }));
    let dropped = 0;
    try {
      for await (const { id } of chosen) if (await desk.drop(id)) dropped += 1;
    } finally {
      onAction("quarantine-dropped", { address: addressOf(c), ...which, dropped });
    }
    return c.redirect(`/quarantine?dropped=${dropped}`, 303);
  });

  const parts: QuarantinePages["parts"] = {
    "quarantine-fill": async (of) => {
      const away = operations.redisAway();
      if (away !== null) return html`<p class="card">The quarantine cannot be looked at: ${away}.</p>`;
      return fill(await operations.quarantineFill(), (await look.keptOpen(askedIn(of))).all);
    },
    async "quarantine-list"(of, operator) {
      return contents(await look.keptOpen(askedIn(of)), operator);
    },
  };
  return { routes, parts };
}

/** More than any Redis holds, and still a number to it. */
const MAX_FROM = 1e9;

/** What an address asks for. A reason that we have not written has no messages. */
function askedIn(address: string): QuarantineAsked {
  const { searchParams } = new URL(address, "http://localhost");
  const from = Math.min(MAX_FROM, Math.max(0, Number.parseInt(searchParams.get("from") ?? "0", 10) || 0));
  const reason = searchParams.get("reason")?.slice(0, MAX_REASON) ?? "";
  return { from, reason: reason === "" ? null : reason };
}

const MAX_REASON = 100;

function listAddress({ from, reason }: QuarantineAsked): string {
  const parts = { ...(reason === null ? {} : { reason }), ...(from === 0 ? {} : { from: String(from) }) };
  const search = new URLSearchParams(parts).toString();
  return search === "" ? "/quarantine" : `/quarantine?${search}`;
}

/** Those that were named, or those of a reason that were there when the page was made. */
function choose(desk: QuarantineDesk, { id, reason, before }: Readonly<Record<string, unknown>>) {
  if (typeof reason === "string" && reason !== "") {
    return { which: { reason, before }, chosen: seen(desk.ofReason(reason), String(before)) };
  }
  const ids = (Array.isArray(id) ? id : [id]).filter((one): one is string => typeof one === "string");
  return { which: { id: ids.length === 1 ? ids[0] : ids }, chosen: found(desk, new Set(ids)) };
}

async function* seen(entries: AsyncIterable<QuarantineEntry>, before: string): AsyncGenerator<QuarantineEntry> {
  for await (const entry of entries) if (entry.message.receivedAt <= before) yield entry;
}

async function* found(desk: QuarantineDesk, ids: Iterable<string>): AsyncGenerator<QuarantineEntry> {
  for (const id of ids) {
    const entry = await desk.find(id);
    if (entry) yield entry;
  }
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

/** `counted`: how many there are now, because the measure of the room is some seconds old. */
function fill({ bytes: measured, maxMessages, maxBytes, refused }: Fill, counted: number): Html {
  const bytes = counted === 0 ? 0 : measured;
  const full = counted >= maxMessages || bytes >= maxBytes;
  const used = (part: number, whole: number): Html => html`(<span class="pair">${inPercent(part, whole)}</span>)`;
  return html`<p class="card fill">
    <strong>${counted.toLocaleString("en")} of ${maxMessages.toLocaleString("en")} messages</strong> ${used(counted, maxMessages)}${full ? ", full" : ""};
    ${bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : megabytes(bytes)} of ${megabytes(maxBytes)} ${used(bytes, maxBytes)}.
    ${full ? html`Relays hear 451 for messages that cannot be read, until there is room.` : ""}
    ${full || refused.length === 0 ? "" : html`<span class="unusual">The share of ${namesOf(refused.map(({ peer }) => peer))} is used up: what cannot be read of it gets 451, or waits in the journal.</span>`}
  </p>`;
}

function empty(): Html {
  return nothingYet(
    "The quarantine is empty: every message could be read.",
    html`<code>mm4d send --scenario malformed</code> shows what becomes of one that cannot.`,
  );
}

/** What is in quarantine: why, and one page of the list. */
async function contents(seen: QuarantineSeen, operator: Look): Promise<Html> {
  if (seen.all === 0) return empty();
  return html`${byReason(seen, operator)} ${await list(seen, operator)}`;
}

function byReason({ reasons, at }: QuarantineSeen, { loggedIn }: Look): Html {
  return html`<section class="card">
    <h2>Why they are here</h2>
    <ul class="reasons">
      ${[...reasons].map(
        ([reason, count]) => html`<li data-key="${reason}">
          <p><strong>${reason}</strong>: <a href="${listAddress({ from: 0, reason })}">${some(count, "message")}</a>; ${reasonInWords(reason)}</p>
          ${loggedIn ? actions({ name: "reason", value: reason, reason, which: some(count, "message"), before: at }) : ""}
        </li>`,
      )}
    </ul>
  </section>`;
}

async function list({ entries, listed, asked }: QuarantineSeen, operator: Look): Promise<Html> {
  const { from, reason } = asked;
  const rows: Html[] = [];
  for (const entry of entries) {
    // Reports are received between two rows.
    await turn();
    rows.push(row(entry, operator));
  }
  const table = html`<div class="wide" tabindex="0"><table class="cards">
      <thead><tr>${operator.loggedIn ? html`<th scope="col">Select</th>` : ""}<th scope="col">Received</th><th scope="col">Why</th><th scope="col">Peer</th><th scope="col">Message id</th><th scope="col">What is wrong</th></tr></thead>
      <tbody>${rows}</tbody>
    </table></div>`;
  return html`<section class="card">
    <div class="title">
      <h2>${reason === null ? "" : `${visible(reason)}: `}${entries.length === 0 ? `Beyond the last of ${listed.toLocaleString("en")}` : `${from + 1} to ${from + entries.length} of ${listed.toLocaleString("en")}, newest first`}</h2>
      ${reason === null ? "" : html`<a href="/quarantine">All messages</a>`}
    </div>
    ${operator.loggedIn ? html`<form method="post" action="/quarantine/replay">${table} ${ofSelected()}</form>` : table}
    ${entries.length === listed ? "" : pages(asked, listed)}
  </section>`;
}

function pages({ from, reason }: QuarantineAsked, listed: number): Html {
  return html`<p class="pages">
    ${from > 0 ? html`<a href="${listAddress({ from: Math.max(0, from - PAGE), reason })}">Newer</a>` : ""}
    ${from + PAGE < listed ? html`<a href="${listAddress({ from: from + PAGE, reason })}">Older</a>` : ""}
  </p>`;
}

function row({ id, message }: QuarantineEntry, operator: Look): Html {
  const { messageId, wrong } = inBrief(message, operator);
  const { receivedAt, reason, peer } = message;
  return html`<tr data-key="${id}">
    ${operator.loggedIn ? html`<td data-label="Select"><input type="checkbox" name="id" value="${id}" aria-label="Select ${id}" /></td>` : ""}
    <th scope="row" data-label="Received"><a href="/quarantine/${id}">${ago(receivedAt)}</a></th>
    <td data-label="Why">${reason}</td>
    <td data-label="Peer"><a href="${peerAddress(peer.name)}">${peer.name}</a></td>
    <td data-label="Message id">${messageId ?? ""}</td>
    <td data-label="What is wrong">${wrong ?? ""}</td>
  </tr>`;
}

/** Dropping asks once more. */
function ofSelected(): Html {
  return html`<div class="actions">
    <button>Replay selected</button>
    <details>
      <summary>Drop selected …</summary>
      <button class="danger" formaction="/quarantine/drop">Drop selected for good</button>
    </details>
  </div>`;
}
