/** One message in quarantine: in brief, and as a whole. */
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import { type QuarantinedMessage, reasonInWords } from "../delivery/quarantined.ts";
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import { beginningOf } from "../text/beginning.ts";
import { describeEvent } from "../text/describe.ts";
import { maskHeader, masksByHeader } from "../text/mask-header.ts";
import { maskAllNumbers, maskEvent } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { Html } from "./layout.ts";
import type { Operator } from "./login.ts";
import type { QuarantineDesk } from "./operations.ts";
import { ago, wholeId } from "./pieces.ts";
import { actions, mayReplay } from "./quarantine-actions.ts";
import { peerAddress } from "./reports-address.ts";
import { wrongLines } from "./wrong-lines.ts";

const MAX_HEX_BYTES = 2_048;
/** A row of a list has room for one line. */
const MAX_LINE = 120;

/** What tells one message from another in a list. */
export function inBrief(
  message: QuarantinedMessage,
  { numbers }: Pick<Operator, "numbers">,
): { readonly messageId: Html | null; readonly wrong: Html | null } {
  const text = textOf(Buffer.from(message.raw, "base64"), message);
  const masks = masksByHeader(text);
  const lines = text.split(/\r?\n/);
  const id =
    lines
      .find((line) => MESSAGE_ID.test(line))
      ?.replace(MESSAGE_ID, "")
      .trim() ?? "";
  const { places, says } = wrongLines(lines, message);
  const shown = (line: string, masked: (line: string) => string): string =>
    visible(numbers === "full" ? beginningOf(line) : masked(beginningOf(line)));
  function inLine(text: string, isLine: boolean): Html {
    const words = beginningOf(
      shown(text, (line) => masks.id(maskHeader(line, []))),
      MAX_LINE,
    );
    return isLine ? html`<code>${words}</code>` : html`${words}`;
  }
  return {
    messageId: id === "" ? null : wholeId(shown(id.replace(/^"(.*)"$/, "$1"), masks.id)),
    wrong: says === null ? null : inLine(says, places.length > 0),
  };
}

const MESSAGE_ID = /^x-mms-message-id[ \t]*:/i;

/** The whole page of one. `inForce`: the names of the peers that are. */
export async function show(
  entry: QuarantineEntry,
  desk: Pick<QuarantineDesk, "readBody" | "wouldBecome">,
  inForce: readonly string[],
  operator: Operator,
): Promise<Html> {
  const { id, message } = entry;
  const { peer, receivedAt, reason, detail, notKept } = message;
  const bytes = Buffer.from(message.raw, "base64");
  const masked = operator.numbers === "masked";
  const text = textOf(bytes, message);
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
        <dt>Received</dt><dd>${ago(receivedAt)}</dd>
        <dt>Why</dt><dd>${reason}: ${reasonInWords(reason)}</dd>
        <dt>Peer</dt><dd><a href="${peerAddress(peer.name)}">${peer.name}</a> (${peer.address})</dd>
        <dt>Id</dt><dd>${wholeId(id)}</dd>
        ${notKept ? html`<dt>Not kept</dt><dd>${some(notKept, "byte")} of the end of its body</dd>` : ""}
      </dl>
      ${detail === null ? "" : html`<pre tabindex="0">${said(detail, BOUNDS.valueShown.value)}</pre>`}
      ${operator.loggedIn ? actions({ name: "id", value: id, reason, which: "it", before: receivedAt }) : html`<p>To replay or drop it, log in (MM4D_ADMIN_TOKEN).</p>`}
      ${download(id, operator)}
    </section>
    ${becoming(entry, desk, inForce.includes(peer.name), masked)}
    <section class="card"><h2>Header</h2>${marked(masked ? maskHeader(text, []) : text, message)}</section>
    <section class="card">
      <h2>Body, as mailparser reads it</h2>
      ${body.text.trim() === "" ? html`<p>No text.</p>` : html`<pre tabindex="0">${said(body.text.trimEnd(), BOUNDS.messageShown.value)}</pre>`}
      ${body.parts.length === 0 ? "" : html`<ul>${body.parts.slice(0, BOUNDS.listShown.value).map((part) => html`<li>${said(part)}</li>`)}</ul>`}
    </section>
    ${isText(bytes) || masked ? "" : html`<section class="card"><h2>Bytes</h2><pre tabindex="0">${hexOf(bytes.subarray(0, MAX_HEX_BYTES))}</pre></section>`}
    ${isText(bytes) || !masked ? "" : html`<p class="card">It holds bytes that are not text. They are shown with the numbers.</p>`}`;
}

/** The header; where the type is behind it, all down to the type. */
function textOf(bytes: Buffer, { reason }: QuarantinedMessage): string {
  // Byte by byte, because a cut in UTF-8 would change what is before it.
  const whole = bytes.toString("latin1");
  const [header = ""] = whole.split(/\r?\n\r?\n/, 1);
  const [outside = header] = reason === "type-outside-header" ? (DOWN_TO_TYPE.exec(whole) ?? []) : [];
  return beginningOf(Buffer.from(outside, "latin1").toString(), BOUNDS.messageShown.value);
}

const DOWN_TO_TYPE = /^[\s\S]{0,65536}?\n[ \t>]*x-mms-message-type[ \t]*:[^\r\n]*/i;

/** The text with the lines to blame marked. */
function marked(text: string, message: QuarantinedMessage): Html {
  const lines = text.split(/\r?\n/);
  const { places, says } = wrongLines(lines, message);
  const wrong = new Set(places);
  // In stretches, because a header may have thousands of lines.
  const shown: Html[] = [];
  for (let from = 0; from < lines.length; ) {
    const isWrong = wrong.has(from);
    let to = from;
    while (to < lines.length && wrong.has(to) === isWrong) to += 1;
    const stretch = visible(lines.slice(from, to).join("\n"));
    shown.push(isWrong ? html`<mark>${stretch}</mark>\n` : html`${stretch}\n`);
    from = to;
  }
  return html`${places.length > 0 || says === null || message.detail !== null ? "" : html`<p><strong>${says}</strong></p>`}<pre tabindex="0">${shown}</pre>`;
}

function download(id: string, { loggedIn, numbers }: Operator): Html {
  if (!loggedIn) return html``;
  if (numbers === "masked") return html`<p>To download it as it came, show numbers first.</p>`;
  return html`<p><a href="/quarantine/${id}/message.eml" download>Download as .eml</a></p>`;
}

/** What replaying would come to, with the program, the settings and the peer's entry of now. */
function becoming(
  entry: QuarantineEntry,
  desk: Pick<QuarantineDesk, "wouldBecome">,
  isInForce: boolean,
  masked: boolean,
): Html {
  if (!mayReplay(entry.message.reason)) return html``;
  const found = desk.wouldBecome(entry);
  const { name } = entry.message.peer;
  const by = isInForce
    ? html`by the entry of <a href="${peerAddress(name)}">${name}</a> that is in force now`
    : html`as of an ordinary peer, because ${name} is in force no more`;
  const told =
    typeof found === "string"
      ? html`<p>Read again ${by}, it ${visible(masked ? maskAllNumbers(found) : found)}. Replayed, it would stay here.</p>`
      : html`<p>Read again ${by}, it makes an event. Replayed, it would be queued as ${wholeId(found.id)}</p>
        <pre tabindex="0">${visible(describeEvent(masked ? maskEvent(found) : found).join("\n"))}</pre>`;
  return html`<section class="card"><h2>What would become of it</h2>${told}</section>`;
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
