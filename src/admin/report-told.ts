/** One report on a page: all that `mm4d trace` tells of it, and what can be done. */
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOf, beginningOfValue } from "../text/beginning.ts";
import { type Mask, maskAllNumbers, maskEvent } from "../text/masking.ts";
import { durationInWords } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { ReceivedNote, TracedReport, TraceNote } from "../trace/note.ts";
import { headerOf, masksOf, partiesKnown, type ToldStep, tellReport } from "../trace/told.ts";
import { peerAddress } from "./addresses.ts";
import { type Html, time } from "./layout.ts";
import type { Operator } from "./operator.ts";
import { ago, outcomeMark, wholeId } from "./pieces.ts";
import { codeLink } from "./report-rows.ts";
import { retryForm } from "./retry-form.ts";

/** Who looks, and how codes are named. */
export interface ToldFor extends Pick<Operator, "numbers" | "loggedIn"> {
  /** The queue of the job that the report tells of. */
  readonly queue: string;
  /** The report's own address, to come back to. */
  readonly address: string;
}

export function told(whole: TracedReport, look: ToldFor): Html {
  // A report may have come a thousand times: show its first and last steps.
  const most = BOUNDS.listShown.value / 2;
  const left = Math.max(0, whole.notes.length - 2 * most);
  const notes = left === 0 ? whole.notes : [...whole.notes.slice(0, most), ...whole.notes.slice(-most)];
  const report = { ...whole, notes };
  const shown = shownAs(report, look.numbers);
  const { headline, today, steps } = tellReport(report, look.numbers);
  const header = headerOf(report, look.numbers);
  const eventText = report.event && shownEvent(report, report.event, look.numbers, shown);
  const received = notes.filter((note) => note.kind === "received").at(-1);
  return html`<p><a href="/reports">← Reports</a></p>
  <article>
    <section class="card">
      ${heading(report, headline, shown)}
      ${meaning(report.event)}
      ${today.map((line) => html`<p class="soft">${visible(line.trim())}</p>`)}
      ${idList(report, shown)}
    </section>
    ${jobCard(report, look, shown)}
    <section class="card">
      <h2>What happened</h2>
      ${left === 0 ? "" : html`<p>Of its steps the first and the last ${most}; mm4d trace tells ${left} more.</p>`}
      <ol class="way">${steps.map((step, index) => stepOf(step, steps[index - 1]))}</ol>
    </section>
    <section class="card">
      ${received === undefined ? "" : session(received, shown)}
      ${header === null ? "" : html`<details><summary>Header as it came</summary><pre tabindex="0">${visible(header)}</pre></details>`}
      ${eventText === null ? "" : html`<details><summary>Event</summary><button type="button" class="copy" data-copy="${eventText}">Copy the event</button><pre tabindex="0">${eventText}</pre></details>`}
      ${acknowledgements(report, shown)}
    </section>
  </article>`;
}

/** Makes a peer's or a consumer's text fit to be shown: cut, masked, and without what cannot be seen. */
interface Shown {
  /** With what cannot be seen, which {@link wholeId} shows and copies. */
  readonly id: Mask;
  readonly party: Mask;
  /** For free text, in which any number may be somebody's. */
  readonly text: (text: string, most?: number) => string;
}

function shownAs(report: TracedReport, numbers: Operator["numbers"]): Shown {
  const mask = masksOf(report);
  const same: Mask = (text) => text;
  const [id, party, free] =
    numbers === "full" ? [same, same, same] : [mask.id, mask.text, (text: string) => mask.text(maskAllNumbers(text))];
  return {
    id: (text) => id(beginningOf(text)),
    party: (text) => visible(party(beginningOf(text))),
    text: (text, most) => visible(free(beginningOf(text, most))),
  };
}

function heading({ event, said, notes }: TracedReport, [first = ""]: readonly string[], shown: Shown): Html {
  const verdict = event?.data ?? said;
  const code = event?.data.reason?.code ?? said?.code ?? null;
  const at = notes[0]?.at;
  const when = at === undefined ? "" : html`<p class="when">${ago(at)}, ${time(at)}</p>`;
  if (verdict === null) return html`<h1>${visible(first)}</h1>${when}`;
  const { outcome, disposition, final, conflict } = verdict;
  const means = [disposition, final ? "final" : "not final", ...(conflict ? ["contradictory"] : [])].join(", ");
  const name = event?.data.reason?.name ?? String(code);
  return html`<h1>${outcomeMark(outcome, disposition)} <small>${means}</small>
      ${code === null ? "" : html`<span class="code">${codeLink(code, name, shown.id(String(code)))}</span>`}</h1>
    ${when}`;
}

function meaning(event: DeliveryEvent | null): Html {
  const reason = event?.data.reason;
  if (!reason) return html``;
  return html`<dl class="pairs prose">
    <dt>What it means</dt><dd>${visible(beginningOf(reason.explanation))}</dd>
    <dt>What to do</dt><dd>${visible(beginningOf(reason.remedy))}</dd>
  </dl>`;
}

function idList({ event, ids, notes }: TracedReport, shown: Shown): Html {
  const id = (text: string | null): Html => (text === null ? html`without id` : wholeId(shown.id(text)));
  const received = notes.filter((note) => note.kind === "received");
  const peer = received[0]?.peer ?? event?.data.peer;
  const session = received.at(-1)?.sessionId;
  const job = recordOf(notes);
  const quarantined = received.find((note) => note.quarantineId !== null);
  const { recipient = null, originator = null, requestRecipients = [] } = event?.data ?? {};
  const recipients = recipient === null ? requestRecipients.map((one) => one.party) : [recipient];
  const some = recipients.slice(0, BOUNDS.listShown.value).map(({ number, raw }) => shown.party(number ?? raw));
  const more = recipients.length - some.length;
  return html`<dl class="pairs">
    <dt>Message</dt><dd>${id(event?.data.messageId ?? ids.messageId)}</dd>
    <dt>Transaction</dt><dd>${id(event?.data.transactionId ?? ids.transactionId)}</dd>
    ${ids.eventId === null ? "" : html`<dt>Event</dt><dd>${wholeId(ids.eventId)}</dd>`}
    ${job === null ? "" : html`<dt>Job</dt><dd>${wholeId(job)}</dd>`}
    ${session === undefined ? "" : html`<dt>Session</dt><dd>${wholeId(session)}</dd>`}
    ${some.length === 0 ? "" : html`<dt>Recipient</dt><dd>${some.join(", ")}${more === 0 ? "" : ` and ${more} more`}</dd>`}
    ${originator === null ? "" : html`<dt>Originator</dt><dd>${shown.party(originator.number ?? originator.raw)}</dd>`}
    ${peer === undefined ? "" : html`<dt>Peer</dt><dd><a href="${peerAddress(peer.name)}">${visible(peer.name)}</a></dd>`}
    ${quarantined === undefined ? "" : html`<dt>Quarantine</dt><dd><a href="/quarantine/${encodeURIComponent(quarantined.quarantineId ?? "")}">kept there</a></dd>`}
  </dl>`;
}

/** With the time since the step before it. */
function stepOf({ at, text, job }: ToldStep, before: ToldStep | undefined): Html {
  if (job !== undefined) {
    const { says, endedAt, error } = job;
    return html`<li>now <span>${says}${endedAt === null ? "" : html`, ${ago(endedAt)}`}${error === null ? "" : `: ${visible(error)}`}</span></li>`;
  }
  if (at === "now") return html`<li>now <span>${visible(text)}</span></li>`;
  const sinceMs = before === undefined ? Number.NaN : Date.parse(at) - Date.parse(before.at);
  const since = Number.isNaN(sinceMs)
    ? ""
    : html` <span class="soft">+${sinceMs < 1_000 ? `${sinceMs} ms` : durationInWords(sinceMs)}</span>`;
  return html`<li>${time(at, true)}${since} <span>${visible(text)}</span></li>`;
}

/** Its job, with the error of its consumer; a failed one can be given back. */
function jobCard({ job, notes }: TracedReport, { queue, loggedIn, address }: ToldFor, shown: Shown): Html {
  if (job === null || job.error === null) return html``;
  const id = recordOf(notes);
  const failed = job.state === "failed";
  return html`<section class="card ${failed ? "failed" : ""}">
    <h2>${failed ? "Its job failed" : "Its job has failed before"}</h2>
    <pre class="error" tabindex="0">${shown.text(job.error, BOUNDS.valueShown.value)}</pre>
    ${!failed || id === null ? "" : loggedIn ? retryForm({ queue, id, next: address }) : html`<p>To give it to a consumer again, log in (MM4D_ADMIN_TOKEN).</p>`}
  </section>`;
}

function recordOf(notes: readonly TraceNote[]): string | null {
  const queued = notes.find((note) => note.kind === "queued" && note.duplicateOf === null);
  return queued?.kind === "queued" ? queued.recordId : null;
}

function session(received: ReceivedNote, shown: Shown): Html {
  const { peer, mailFrom, bytes, reply, answered = true, tookMs } = received;
  return html`<details>
    <summary>SMTP session</summary>
    <dl class="pairs">
      <dt>From</dt><dd>${visible(peer.address)}${peer.helo === null ? "" : html`, EHLO ${shown.text(peer.helo)}`}${peer.user === null ? "" : html`, logged in as ${shown.text(peer.user)}`}</dd>
      <dt>TLS</dt><dd>${peer.tls === null ? "none" : `${peer.tls.protocol}, ${peer.tls.cipher}`}</dd>
      <dt>MAIL FROM</dt><dd>&lt;${shown.text(mailFrom)}&gt;</dd>
      <dt>Message</dt><dd>${bytes.toLocaleString("en")} bytes</dd>
      <dt>Reply</dt><dd>${visible(reply)}${answered ? "" : ", which could not be sent"}${tookMs === null ? "" : ` after ${tookMs.toFixed(1)} ms`}</dd>
    </dl>
  </details>`;
}

function acknowledgements(report: TracedReport, shown: Shown): Html {
  const notes = report.notes.filter((note) => note.kind === "acknowledgement");
  if (notes.length === 0) return html``;
  return html`<details>
    <summary>Acknowledgement: ${notes.at(-1)?.result ?? ""}</summary>
    <ol class="way">${notes.map(({ at, result, detail }) => html`<li>${time(at, true)} <span>${result}: ${shown.text(detail)}</span></li>`)}</ol>
  </details>`;
}

/** As JSON. A number that a relay wrote as a code is masked there too. */
function shownEvent(report: TracedReport, event: DeliveryEvent, numbers: Operator["numbers"], shown: Shown): string {
  const beginning = beginningOfValue(event) as DeliveryEvent;
  const masked = numbers === "full" ? beginning : maskEvent(beginning, partiesKnown(report, event));
  const code = event.data.reason?.code;
  const isNumber = code !== undefined && shown.id(String(code)) !== String(code);
  return visible(
    JSON.stringify(masked, (name, value) => (isNumber && name === "code" ? shown.id(String(value)) : value), 2),
  );
}
