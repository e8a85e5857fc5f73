/** Reports as rows of a table: in the list, on the overview, and as they come. */
import type { Context } from "hono";
import { html } from "hono/html";
import { beginningOf } from "../text/beginning.ts";
import { maskAllNumbers, numberMask } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { ReportRow } from "../views/report-row.ts";
import type { JobSeen } from "../views/views.ts";
import { addressOfId, peerAddress } from "./addresses.ts";
import { jobInWords } from "./job-words.ts";
import type { Html } from "./layout.ts";
import type { PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";
import type { Operator } from "./operator.ts";
import { ago, outcomeMark, wholeId } from "./pieces.ts";

/** What rows are shown with. */
export interface RowsLook {
  readonly numbers: Operator["numbers"];
  /** The name of a code, by the table that its peer uses. */
  readonly nameOfCode: (code: number, peer: string) => string;
}

/** With what a page shows its rows to who asks for it. */
export function lookOf({ catalogueOf }: Pick<Operations, "catalogueOf">, c: Context<PageEnv>): RowsLook {
  const nameOfCode = (code: number, peer: string): string => catalogueOf(peer).findCode(code).name;
  return { numbers: c.var.operator.numbers, nameOfCode };
}

/** The jobs of some rows by their ids, as views give them. */
type Jobs = ReadonlyMap<string, JobSeen>;

/**
 * A table of reports. `jobs`: null where what has become of them is not told. `live`: the filter that rows must pass
 * which come later, as a query; null when none are shown (assets/live.js).
 */
export function reportTable(
  rows: readonly ReportRow[],
  look: RowsLook,
  jobs: Jobs | null,
  live: string | null = null,
): Html {
  return html`<table class="cards reports">
    <thead><tr><th scope="col">Received</th><th scope="col">Result</th><th scope="col">Code</th><th scope="col">Recipient</th><th scope="col">Message</th><th scope="col">Peer</th>${jobs === null ? "" : html`<th scope="col" title="${WHICH_JOBS}">Consumer</th>`}</tr></thead>
    <tbody ${live === null ? "" : html`data-live-rows="${live}"`}>${rows.map((row) => reportRow(row, look, jobs))}</tbody>
  </table>`;
}

const WHICH_JOBS =
  "What has become of its event. What came last is kept true; the others are as they were when the page was made";

/** One row. Its time is the link to the report. */
export function reportRow(row: ReportRow, look: RowsLook, jobs: Jobs | null): Html {
  const { at, peer, numbers, messageId, jobId } = row;
  const href = reportAddress(row);
  const shownId = messageId === null ? null : idShown(messageId, numbers, look.numbers);
  return html`<tr data-id="${row.id}">
    <th scope="row" data-label="Received">${href === null ? ago(at) : html`<a class="open" href="${href}">${ago(at)}</a>`}</th>
    <td data-label="Result">${result(row, look.numbers)}</td>
    <td data-label="Code">${codeCell(row, look)}</td>
    <td data-label="Recipient">${recipients(numbers, look.numbers)}</td>
    <td data-label="Message">${shownId === null ? html`<span class="soft">without id</span>` : wholeId(shownId)}</td>
    <td data-label="Peer"><a href="${peerAddress(peer)}">${visible(peer)}</a></td>
    ${jobs === null ? "" : jobId === null ? html`<td data-label="Consumer"></td>` : html`<td data-label="Consumer" data-job="${jobId}">${jobInWords(jobs.get(jobId))}</td>`}
  </tr>`;
}

/** The page of a report; null when it has no id by which it could be found again. */
export function reportAddress({ eventId, fate, id, messageId, transactionId, numbers }: ReportRow): string | null {
  // A number stands in no address, because addresses are not masked.
  const mayStand = (found: string | null): boolean =>
    found !== null && found.trim() !== "" && idShown(found, numbers, "masked") === found;
  const known = [eventId, messageId, transactionId].find(mayStand) ?? null;
  if (known !== null) return addressOfId(known);
  return fate === "quarantined" ? `/quarantine/${encodeURIComponent(id)}` : null;
}

/** An id, in which only a number of the report's own parties is masked. */
export function idShown(id: string, numbers: readonly string[], shown: Operator["numbers"]): string {
  const text = beginningOf(id);
  return shown === "full" ? text : numberMask(partiesOf(numbers))(text);
}

/** A number in digits, or an address, as the trace keeps recipients. */
export function numberShown(number: string, shown: Operator["numbers"]): string {
  const text = beginningOf(/^\d{7,15}$/.test(number) ? `+${number}` : number);
  return shown === "full" ? text : maskAllNumbers(text);
}

function partiesOf(numbers: readonly string[]) {
  return numbers.map((raw) => ({ raw, number: `+${raw}` }));
}

function result(
  { fate, outcome, disposition, conflict, warnings, why, numbers }: ReportRow,
  shown: Operator["numbers"],
): Html {
  if (outcome === null || disposition === null) {
    return html`${outcomeMark(fate, "unknown")} ${why === null ? "" : html`<span class="soft">${visible(idShown(why, numbers, shown))}</span>`}`;
  }
  return html`${outcomeMark(outcome, disposition)}
    ${fate === "duplicate" ? html`<span class="tag">sent again</span>` : ""}
    ${conflict ? html`<span class="tag" title="Its fields contradict each other">conflict</span>` : ""}
    ${warnings.length === 0 ? "" : html`<span class="tag" title="${warnings.join(", ")}">${some(warnings.length, "warning")}</span>`}`;
}

function codeCell({ code, peer, numbers }: ReportRow, { nameOfCode, numbers: shown }: RowsLook): Html {
  return code === null ? html`` : codeLink(code, nameOfCode(code, peer), idShown(String(code), numbers, shown));
}

/** A code with its name, as a link to all that is known of it. A relay may have written a party's number there: then there is no link. */
export function codeLink(code: number, name: string, shown: string): Html {
  if (shown !== String(code)) return html`${shown}`;
  return html`<a href="/codes/${code}">${code}</a>${name === shown ? "" : html` ${visible(name)}`}`;
}

function recipients([first, ...more]: readonly string[], shown: Operator["numbers"]): Html {
  if (first === undefined) return html``;
  return html`${visible(numberShown(first, shown))}${more.length === 0 ? "" : html` <span class="soft">and ${more.length} more</span>`}`;
}
