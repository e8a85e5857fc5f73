/** `mm4d fixtures`: an event of every kind, for a consumer's own tests. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import libmime from "libmime";
import { createCatalogue } from "../catalogue/catalogue.ts";
import { createNoTable } from "../catalogue/own-table.ts";
import { NO_TABLE, VENDORS_TABLE } from "../delivery/code.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { ORDINARY_PEER } from "../delivery/peer-rules.ts";
import type { ReportKind } from "../delivery/report.ts";
import { MM_STATUSES } from "../delivery/status.ts";
import { readEvent } from "../flow/read.ts";
import { composePdu } from "../mm4/compose.ts";
import { jsonOf, printLine, tell } from "./terminal.ts";

export function addFixturesCommand(program: Command): void {
  program
    .command("fixtures [dir]")
    .description("write an event of every type, outcome and class of reason, for a consumer's own tests")
    .addHelpText(
      "after",
      `
One file for each kind of event into [dir], which is made; without one, one line
of JSON each. They are read from reports as the service would, always the same,
and valid by "mm4d schema".`,
    )
    .action(writeFixtures);
}

async function writeFixtures(dir: string | undefined): Promise<void> {
  const all = fixtures();
  if (dir === undefined) {
    for (const event of all.values()) await printLine(jsonOf(event));
    return;
  }
  mkdirSync(dir, { recursive: true });
  for (const [name, event] of all) writeFileSync(join(dir, `${name}.json`), `${jsonOf(event, 2)}\n`);
  tell(`${all.size} events in ${dir}`);
}

/** By name, such as `delivery-report.rejected.470`. The first of each kind that consumers may want to treat apart. */
function fixtures(): ReadonlyMap<string, DeliveryEvent> {
  const found = new Map<string, DeliveryEvent>();
  const kinds = new Set<string>();
  for (const { kind, status, code } of reports()) {
    const event = eventOf(kind, status, code);
    const { outcome, disposition, final, conflict, stage, reason } = event.data;
    const entry = reason && CATALOGUE.findCode(reason.code);
    const key = [kind, outcome, disposition, final, conflict, stage, entry?.class, entry?.known, entry?.tag].join(" ");
    if (kinds.has(key)) continue;
    kinds.add(key);
    const word = status?.toLowerCase().replaceAll(" ", "-") ?? "no-status";
    found.set(`${kind}.${word}.${code ?? "no-code"}`, event);
  }
  found.set("delivery-report.rejected.470.no-table", eventOf("delivery-report", "rejected", "470", NO_TABLE));
  return found;
}

const CATALOGUE = createCatalogue();
const WITHOUT_TABLE = createNoTable();
/** A code that no page lists, and a code outside every range. */
const UNLISTED = ["488", "888888"];

function* reports(): Generator<{ kind: ReportKind; status?: string; code?: string }> {
  const codes = [undefined, ...CATALOGUE.entries.map(({ code }) => String(code)), ...UNLISTED];
  const statuses = [...MM_STATUSES.map(({ words: [word] }) => word), "teleported", undefined];
  for (const status of statuses) {
    for (const code of codes) {
      if (status === undefined && code === undefined) continue;
      yield { kind: "delivery-report", ...(status && { status }), ...(code && { code }) };
    }
  }
  for (const status of ["Ok", "Error-transient-failure", "Error-permanent-failure"]) {
    for (const code of [undefined, "0", "470"]) yield { kind: "forward-response", status, ...(code && { code }) };
  }
  for (const status of ["Read", "Deleted without being read"]) yield { kind: "read-report", status };
}

function eventOf(kind: ReportKind, status?: string, code?: string, catalogue = VENDORS_TABLE): DeliveryEvent {
  const bytes = composePdu({
    kind,
    transactionId: "fixture-transaction@mmsc.example.net",
    messageId: "fixture-message@mmsc.example.net",
    recipient: "+12025550100/TYPE=PLMN",
    originator: "+12025550199/TYPE=PLMN",
    date: new Date("2026-01-02T03:04:00Z"),
    status,
    code,
  });
  const peer = { name: "carrier", address: "192.0.2.1", helo: "mmsc.example.net", tls: null, user: null };
  const read = readEvent(
    { bytes, peer, rules: { ...ORDINARY_PEER, catalogue }, receivedAt: new Date("2026-01-02T03:04:05.678Z") },
    {
      decodeWords: (text) => libmime.decodeWords(text),
      headerLimits: { bytes: 65_536, fields: 1_000 },
      catalogue: CATALOGUE,
      tableOf: (name) => (name === NO_TABLE ? WITHOUT_TABLE : CATALOGUE),
      source: "/mm4d/mms.example.net",
    },
  );
  if (!read.ok) throw new Error(`Cannot make the event of ${kind} ${status} ${code}: ${read.error.kind}`);
  return read.value;
}
