/** `mm4d codes`: the catalogue for people. */
import type { Command } from "commander";
import { lookUp } from "../catalogue/look-up.ts";
import { type CodeEntry, NO_TABLE } from "../delivery/code.ts";
import { loadCatalogue } from "../settings/catalogue-file.ts";
import { describeCode } from "../text/describe.ts";
import { tableOfPeer } from "./peers-tables.ts";
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
A number that is not listed is explained by its hundreds.

Exit code 1 when nothing fits.`,
    )
    .action(printCodes);
}

function printCodes(what: string | undefined, { peer, json }: { peer?: string; json?: true }): void {
  const { config } = loadSettings("read the catalogue");
  const catalogue = peer === undefined ? loadCatalogue(config.catalogueFile) : tableOfPeer(config, peer);
  if (peer !== undefined && what === undefined && catalogue.version === NO_TABLE) {
    throw new Error(`Cannot list the codes of ${peer}: its entry says "catalogue": "${NO_TABLE}"`);
  }
  const found = what === undefined ? catalogue.entries : lookUp(what, catalogue);
  if (found.length === 0)
    throw new Error(`Cannot find "${what}": no code, HTTP code, range or word of the catalogue fits`);
  const [first] = found;
  if (json) print(jsonOf(found, 2));
  else if (found.length === 1 && first) printWrapped(describeCode(first, catalogue.vendor));
  else for (const entry of found) print(row(entry));
}

/** At most 80 columns. */
function row({ code, name, fault, reportedBy, tag }: CodeEntry): string {
  const who = `${(fault ?? "-").padEnd(9)} ${reportedBy ?? "-"} ${tag ?? ""}`;
  return `${String(code).padStart(3)}  ${name.padEnd(41)} ${who}`.trimEnd();
}
