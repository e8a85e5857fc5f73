/** `mm4d stats`: counts reports by what they said. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CatalogueOf, nameForPeers } from "../catalogue/by-peers.ts";
import { type Sum, sumBy, type Tally } from "../delivery/tally.ts";
import { withQueuePlace } from "../queue/queue-place.ts";
import { bucketOf, readStatistics, resolutionSince } from "../queue/statistics.ts";
import { durationInWords, inPercent, some } from "../text/quantities.ts";
import { findingTables } from "./peers-tables.ts";
import { findQueue } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, print, printWrapped } from "./terminal.ts";

const GROUPS = ["outcome", "peer", "code"] as const;
type Group = (typeof GROUPS)[number];

export function addStatsCommand(program: Command): void {
  program
    .command("stats")
    .description("count the reports of the last hours or days, by what they said")
    .addOption(
      new Option("--since <duration>", "how far back, such as 30m, 24h or 7d")
        .argParser(readDuration)
        .default(DAY_MS, "24h"),
    )
    .addOption(new Option("--by <what>", "what to tell apart").choices(GROUPS).default("outcome"))
    .option("--json", "print the counts as JSON")
    .addHelpText(
      "after",
      `
Counts each event once, when it is queued, in the minute in which its report
came; all processes on one Redis together. Counts by the minute are kept for a
day, by the hour for two weeks, by the day for 400 days: what lies further back
is told from the beginning of its hour or day. Beyond 500 kinds of report in an
hour or a day, codes of further ones count as other.`,
    )
    .action(stats);
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const DAY_MS = 86_400_000;
const LONGEST_DAYS = 400;

function readDuration(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= LONGEST_DAYS * DAY_MS) return ms;
  throw new InvalidArgumentError(`It must be a number with m, h or d, and at most ${LONGEST_DAYS}d.`);
}

async function stats({ since: agoMs, by, json }: { since: number; by: Group; json?: true }): Promise<void> {
  const { address, settings } = await findQueue(loadSettings("count reports"));
  const until = new Date();
  const since = new Date(until.getTime() - agoMs);
  const resolution = resolutionSince(since, until);
  const tallies = await withQueuePlace(address, (place) => readStatistics(place, { since, until, resolution }));
  const from = bucketOf(since, resolution);
  const rows = sumBy(tallies, (tally) => tally[by]);
  if (json) print(jsonOf({ from, until, by, rows: rows.map((row) => named(row, by)) }));
  else {
    const nameOf = by === "code" ? namesIn(tallies, findingTables(settings.config)) : () => "";
    printWrapped([...summary(tallies, from, agoMs), ...table(rows, by, nameOf)]);
  }
}

function named({ key, ...counts }: Sum, by: Group): Readonly<Record<string, string | number>> {
  return { [by]: key, ...counts };
}

function summary(tallies: readonly Tally[], from: Date, agoMs: number): readonly string[] {
  const [all] = sumBy(tallies, () => "");
  const since = `in ${durationInWords(agoMs)}, since ${from.toISOString().slice(0, 16)}Z`;
  if (!all) return [`No reports ${since}.`];
  const { reports, successes, failures } = all;
  return [
    `${some(reports, "report")} ${since}: ${inPercent(successes, reports)} successes, ${inPercent(failures, reports)} failures`,
  ];
}

/** At most 80 columns, where the tables of all peers name a code alike. */
function table(rows: readonly Sum[], by: Group, nameOf: (key: string) => string): readonly string[] {
  const all = rows.reduce((sum, { reports }) => sum + reports, 0);
  const wide = Math.max(...rows.map(({ key }) => key.length), by.length);
  // An outcome is a success, a failure or neither, by what it is.
  const isJudged = by !== "outcome";
  return [
    ...(rows.length === 0 ? [] : [`  ${by.padEnd(wide)}    reports   share${isJudged ? "  successes  failures" : ""}`]),
    ...rows.map(({ key, reports, successes, failures }) => {
      const share = (part: number, whole: number): string => inPercent(part, whole).padStart(7);
      const judged = isJudged ? `    ${share(successes, reports)}   ${share(failures, reports)}` : "";
      const numbers = `${String(reports).padStart(10)} ${share(reports, all)}${judged}`;
      return `  ${key.padEnd(wide)} ${numbers}  ${nameOf(key)}`.trimEnd();
    }),
  ];
}

/** Names a code by the tables of the peers that sent it. */
function namesIn(tallies: readonly Tally[], catalogueOf: CatalogueOf): (code: string) => string {
  return (code) => {
    if (code === "none") return "no code";
    if (code === "other") return "codes that are not listed";
    const peers = new Set(tallies.filter((tally) => tally.code === code).map(({ peer }) => peer));
    return nameForPeers(Number(code), [...peers], catalogueOf);
  };
}
