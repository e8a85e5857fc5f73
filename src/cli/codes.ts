/** `mm4d codes`: the catalogue for people. */
import type { Command } from "commander";
import { namesOf } from "../catalogue/by-peers.ts";
import { lookUp } from "../catalogue/look-up.ts";
import { type CodeEntry, NO_TABLE } from "../delivery/code.ts";
import { describeCode } from "../text/describe.ts";
import { tableOfPeer, tablesInForce } from "./peers-tables.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, print, printWrapped } from "./terminal.ts";

export function addCodesCommand(program: Command): void {
  program
    .command("codes [what]")
    .description("list the internal status codes, or look some up")
    .option("--peer <name>", "as they are explained for this peer, whose entry may name another table")
    .option("--json", "print the rows as JSON")
    .addHelpText(
      "after",
      `
[what] is a code (470), its HTTP form (4470), a range (4xx, 400-499), or a
word from a name, a tag or an explanation (spam). One code is told in full.
A number that is not listed is explained by its hundreds. Where the entries of
peers name several tables (catalogue), each is told with whose it is.

Exit code 1 when nothing fits.`,
    )
    .action(printCodes);
}

function printCodes(what: string | undefined, { peer, json }: { peer?: string; json?: true }): void {
  const { config } = loadSettings("read the catalogue");
  const tables = peer === undefined ? tablesInForce(config) : [{ table: tableOfPeer(config, peer), peers: [peer] }];
  const found = tables.map(({ table, peers }) => ({
    vendor: table.vendor,
    peers,
    entries: what === undefined ? table.entries : lookUp(what, table),
  }));
  const fitting = found.filter(({ entries }) => entries.length > 0);
  if (fitting.length === 0) throw new Error(whyNothing(what, peer));
  if (json) {
    print(
      jsonOf(
        fitting.flatMap(({ entries, peers }) => rowsOf(entries, tables.length === 1 ? null : peers)),
        2,
      ),
    );
    return;
  }
  for (const { vendor, peers, entries } of fitting) {
    if (tables.length > 1) print(`For ${namesOf(peers)}:`);
    const [first] = entries;
    if (entries.length === 1 && first) printWrapped(describeCode(first, vendor));
    else for (const entry of entries) print(row(entry));
  }
}

function whyNothing(what: string | undefined, peer: string | undefined): string {
  if (what !== undefined) return `Cannot find "${what}": no code, HTTP code, range or word of the catalogue fits`;
  if (peer !== undefined) return `Cannot list the codes of ${peer}: its entry says "catalogue": "${NO_TABLE}"`;
  return `Cannot list codes: every peer's entry says "catalogue": "${NO_TABLE}"`;
}

/** `peers`: who uses the table; null where there is one table only. */
function rowsOf(entries: readonly CodeEntry[], peers: readonly string[] | null): readonly object[] {
  return peers === null ? entries : entries.map((entry) => ({ ...entry, peers }));
}

/** At most 80 columns. */
function row({ code, name, fault, reportedBy, tag }: CodeEntry): string {
  const who = `${(fault ?? "-").padEnd(9)} ${reportedBy ?? "-"} ${tag ?? ""}`;
  return `${String(code).padStart(3)}  ${name.padEnd(41)} ${who}`.trimEnd();
}
