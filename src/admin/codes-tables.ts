/** The tables of codes of the peers in force: what each lists, and what is found in them. */
import { html } from "hono/html";
import { namesOf, type TableInForce } from "../catalogue/by-peers.ts";
import { lookUp } from "../catalogue/look-up.ts";
import type { CodeEntry } from "../delivery/code.ts";
import { some, sum } from "../text/quantities.ts";
import type { Html } from "./layout.ts";
import { nothingYet } from "./pieces.ts";

/** All that they list, folded by hundreds, because the vendor's has some two hundred rows. */
export function listed(tables: readonly TableInForce[]): Html | readonly Html[] {
  const withRows = tables.filter(({ table }) => table.entries.length > 0);
  if (withRows.length === 0) {
    return nothingYet(
      "No peer in force has a table of codes: they are told as numbers.",
      html`Which table explains the codes of a peer stands in its entry of the peers' file (catalogue).`,
    );
  }
  return withRows.map((one) => {
    const { entries } = one.table;
    const hundreds = [...new Set(entries.map(({ code }) => Math.floor(code / 100)))];
    return html`<section class="card">
      <h2>${titleOf(one)}</h2>
      ${one.table.vendor === null ? "" : html`<p class="soft">Explains the codes of ${namesOf(one.peers)}.</p>`}
      ${hundreds.map((hundred) => {
        const its = entries.filter(({ code }) => Math.floor(code / 100) === hundred);
        const [from, to] = [its[0]?.code, its.at(-1)?.code];
        return html`<details class="hundred"><summary>${from === to ? from : `${from} to ${to}`}: ${some(its.length, "code")}</summary>${entryTable(its)}</details>`;
      })}
    </section>`;
  });
}

/** What fits in each of them. */
export function found(tables: readonly TableInForce[], wanted: string): Html | readonly Html[] {
  const all = tables.map((one) => ({ ...one, entries: lookUp(wanted, one.table) }));
  const fitting = all.filter(({ entries }) => entries.length > 0);
  if (sum(fitting.map(({ entries }) => entries.length)) === 0) {
    return nothingYet(
      "0 found.",
      html`Search by a number (470), a range (4xx) or a word (spam), or see <a href="/codes">all codes</a>.`,
    );
  }
  return fitting.map(
    (one) => html`<section class="card">
      <h2>${one.entries.length} found${tables.length === 1 ? "" : `: ${titleOf(one)}`}</h2>
      ${entryTable(one.entries)}
    </section>`,
  );
}

function titleOf({ table: { version, vendor, entries }, peers }: TableInForce): string {
  if (vendor !== null) return `The catalogue of ${version}, by ${vendor}'s table`;
  return entries.length > 0 ? `The table of ${namesOf(peers)}` : `For ${namesOf(peers)}, without a table`;
}

function entryTable(entries: readonly CodeEntry[]): Html {
  return html`<div class="wide" tabindex="0"><table class="codes">
    <thead><tr><th scope="col">Code</th><th scope="col">What happened</th></tr></thead>
    <tbody>${entries.map(
      ({ code, name, explanation }) =>
        html`<tr><th scope="row"><a href="/codes/${code}">${code}</a>${name === String(code) ? "" : html` ${name}`}</th><td class="text">${explanation}</td></tr>`,
    )}</tbody>
  </table></div>`;
}
