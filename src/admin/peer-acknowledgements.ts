/** A peer's acknowledgements: which are owed, which could not be sent, and sending them again. */
import { setImmediate as turn } from "node:timers/promises";
import { html } from "hono/html";
import type { AcknowledgementEntry, AcknowledgementState } from "../acknowledgement/desk.ts";
import { BOUNDS } from "../bounds/bounds.ts";
import { beginningOf } from "../text/beginning.ts";
import { acknowledgementMask, type Mask, maskAllNumbers } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { addressOfId, peerAddress } from "./addresses.ts";
import { choices, type Html } from "./layout.ts";
import type { Look } from "./live.ts";
import type { AcknowledgementDesk } from "./operations.ts";
import { ago, wholeId } from "./pieces.ts";
import { inTurn, rememberingFor } from "./remembering.ts";

/** Of what an MMSC answered. */
const MAX_LINE = 80;
const OPEN = ["owed", "sending", "retrying"] as const;
/** So that it is known whether there are more than are looked at. */
const MOST = BOUNDS.acknowledgementsLookedAt.value + 1;

/** What each choice shows, and among which states it is found. What was owed longest comes first, and of the others the newest. */
const CHOICES = {
  open: { name: "Owed", states: OPEN, newestFirst: false, among: OPEN },
  undelivered: { name: "Undelivered", states: ["undelivered"], newestFirst: true, among: ["undelivered"] },
  bounced: { name: "Bounced", states: ["bounced"], newestFirst: true, among: ["sent", "bounced"] },
  sent: { name: "Sent", states: ["sent"], newestFirst: true, among: ["sent", "bounced"] },
} as const satisfies Record<
  string,
  {
    name: string;
    states: readonly AcknowledgementState[];
    newestFirst: boolean;
    among: readonly AcknowledgementState[];
  }
>;
export type Choice = keyof typeof CHOICES;

/** What is shown, by the query of the address. */
export function choiceIn(text: string | undefined): Choice {
  return text !== undefined && Object.hasOwn(CHOICES, text) ? (text as Choice) : "open";
}

/** The acknowledgements of all peers that a choice is found among, as far as they are looked at. */
export interface LookedThrough {
  readonly entries: readonly AcknowledgementEntry[];
  /** False when there are more. */
  readonly complete: boolean;
}

/** One look for all who ask, because it takes as long for one peer. */
export type LookThrough = (keptMs: number, choice: Choice) => Promise<LookedThrough>;

export function lookingThrough(desk: () => Promise<AcknowledgementDesk>): LookThrough {
  // One look after the other, because each takes thousands of commands, and many at once would keep Redis from the reports.
  const look = inTurn(async (choice: Choice) => {
    const { among, newestFirst } = CHOICES[choice];
    const entries: AcknowledgementEntry[] = [];
    for await (const entry of (await desk()).list(among, { newestFirst, most: MOST })) {
      if (entries.length >= BOUNDS.acknowledgementsLookedAt.value) return { entries, complete: false };
      entries.push(entry);
    }
    return { entries, complete: true };
  });
  return rememberingFor((choice: Choice) => look(undefined, choice));
}

/** The part of a peer's page. */
export async function acknowledgementsOf(
  peer: string,
  choice: Choice,
  looked: LookedThrough,
  operator: Look,
): Promise<Html> {
  const { entries, complete } = entriesOf(peer, choice, looked);
  const rows: Html[] = [];
  for (const entry of entries) {
    // Reports are received between two rows.
    await turn();
    rows.push(row(entry, operator));
  }
  const all = (Object.keys(CHOICES) as Choice[]).map(
    (name) => [`${peerAddress(peer)}?show=${name}#acknowledgements`, CHOICES[name].name, name === choice] as const,
  );
  const { name } = CHOICES[choice];
  const lookedAt = BOUNDS.acknowledgementsLookedAt.value.toLocaleString("en");
  return html`<section class="card" id="acknowledgements">
    <div class="title"><h2>Acknowledgements</h2>${choices("State of acknowledgements", all)}</div>
    ${rows.length === 0 ? html`<p>${name}: none.</p><p class="soft">${WHEN_NONE[choice]}</p>` : table(rows, operator)}
    ${complete ? "" : html`<p>There may be more: of all peers' the first ${lookedAt} were looked through, and ${BOUNDS.listShown.value} at most are shown. <code>mm4d acks list</code> tells all.</p>`}
    ${operator.loggedIn && choice === "undelivered" && rows.length > 0 ? sendAll(peer) : ""}
  </section>`;
}

const WHEN_NONE: Readonly<Record<Choice, string>> = {
  open: "A report that asks for an acknowledgement (X-Mms-Ack-Request) owes one until the peer's MMSC has taken it.",
  undelivered: "Here stands what the peer's MMSC refused, or could not be sent for an hour.",
  bounced: "Here stands what was sent, and came back.",
  sent: "Sent ones are kept for five days, ten thousand at most.",
};

function entriesOf(peer: string, choice: Choice, { entries, complete }: LookedThrough): LookedThrough {
  const states: readonly AcknowledgementState[] = CHOICES[choice].states;
  const its = entries.filter(({ state, acknowledgement }) => states.includes(state) && acknowledgement.peer === peer);
  const shown = its.slice(0, BOUNDS.listShown.value);
  return { entries: shown, complete: complete && its.length === shown.length };
}

export interface OwedCounts {
  readonly owed: number;
  readonly undelivered: number;
}

/** How many acknowledgements each peer is owed; `complete` is false when there are more than were looked at. */
export async function owedCounts(
  look: LookThrough,
  keptMs: number,
): Promise<{ readonly byPeer: ReadonlyMap<string, OwedCounts>; readonly complete: boolean }> {
  const byPeer = new Map<string, OwedCounts>();
  const [open, given] = [await look(keptMs, "open"), await look(keptMs, "undelivered")];
  const count = (of: keyof OwedCounts, { entries }: LookedThrough): void => {
    for (const { acknowledgement } of entries) {
      const known = byPeer.get(acknowledgement.peer) ?? { owed: 0, undelivered: 0 };
      byPeer.set(acknowledgement.peer, { ...known, [of]: known[of] + 1 });
    }
  };
  count("owed", open);
  count("undelivered", given);
  return { byPeer, complete: open.complete && given.complete };
}

function table(rows: readonly Html[], { loggedIn }: Look): Html {
  return html`<div class="wide" tabindex="0"><table class="cards">
    <thead><tr><th scope="col">State</th><th scope="col">Response</th><th scope="col">Message id</th><th scope="col">Transaction id</th><th scope="col">Answer, or last error</th>${loggedIn ? html`<th scope="col">Action</th>` : ""}</tr></thead>
    <tbody>${rows}</tbody>
  </table></div>`;
}

/** One acknowledgement. */
export function row(
  { id, state, acknowledgement: ack, attempts, error, reply, at }: AcknowledgementEntry,
  { loggedIn, numbers }: Look,
): Html {
  const mask = acknowledgementMask(ack);
  const inPart = (text: string, masked: Mask): string =>
    numbers === "full" ? beginningOf(text) : masked(beginningOf(text));
  const idOf = (text: string | null): Html =>
    text === null ? html`–` : wholeId(inPart(text.replace(/^"(.*)"$/, "$1"), mask));
  const bounce = ack.bounce ? `${ack.bounce.action} ${ack.bounce.status ?? ""} ${ack.bounce.diagnostic ?? ""}` : null;
  const report = ack.eventId === null ? state : html`<a href="${addressOfId(ack.eventId)}">${state}</a>`;
  return html`<tr data-key="${id}">
    <th scope="row" data-label="State">${report}${attempts === 0 ? "" : `, ${some(attempts, "attempt")}`} ${at === null ? "" : ago(at)}</th>
    <td data-label="Response">${ack.messageType} ${ack.requestStatus}</td>
    <td data-label="Message id">${idOf(ack.messageId)}</td>
    <td data-label="Transaction id">${idOf(ack.transactionId)}</td>
    <td data-label="Answer">${folded(visible(inPart(bounce ?? error ?? reply ?? "", (text) => mask(maskAllNumbers(text)))))}</td>
    ${loggedIn ? html`<td data-label="Action">${state === "owed" || state === "sending" ? "–" : sendOne(ack.peer, id)}</td>` : ""}
  </tr>`;
}

/** A row has room for a line or two; the whole opens. */
function folded(text: string): Html {
  if (text.length <= MAX_LINE) return html`${text}`;
  return html`<details><summary>${beginningOf(text, MAX_LINE)}</summary>${text}</details>`;
}

function sendOne(peer: string, id: string): Html {
  return html`<form method="post" action="${peerAddress(peer)}/send-again"><input type="hidden" name="id" value="${id}" /><button>Send again</button></form>`;
}

function sendAll(peer: string): Html {
  return html`<form method="post" action="${peerAddress(peer)}/send-again"><input type="hidden" name="state" value="undelivered" /><button>Send all again</button></form>`;
}

/** Sends one of a peer's acknowledgements again, or all that are undelivered. `onSent` is told of each. */
export async function sendAgain(
  peer: string,
  { id, state }: Readonly<Record<string, unknown>>,
  desk: AcknowledgementDesk,
  onSent: () => void,
): Promise<void> {
  if (state === "undelivered") {
    for await (const entry of desk.list([state])) {
      if (entry.acknowledgement.peer === peer && (await desk.retry(entry.id, state))) onSent();
    }
    return;
  }
  const entry = typeof id === "string" ? await desk.find(id) : undefined;
  if (entry?.acknowledgement.peer === peer && (await desk.retry(entry.id))) onSent();
}
