/** `mm4d archive`: what was received, also when it has long left the queue. It changes nothing. */
import type { Command } from "commander";
import { measureArchive } from "../archive/measure.ts";
import type { ArchivedReport } from "../archive/read-report.ts";
import type { ArchiveDamage } from "../archive/source.ts";
import { archiveHoursOf } from "../settings/config.ts";
import { durationInWords, inPercent, some } from "../text/quantities.ts";
import { describeArchiveDamage } from "./archive-damage.ts";
import { addFilterOptions, FILTERS_HELP, type FilterOptions, filterOf } from "./archive-filter.ts";
import { type ArchiveLook, archivedReports, inSentence, lookAtArchive, tellWhose } from "./archive-look.ts";
import { COLUMNS, describeReport, rowOf, rowWithEvent } from "./archive-rows.ts";
import { FULL_NUMBERS, type NumbersWanted, numbersOf } from "./numbers.ts";
import { INTERRUPTED, stopOnSignal } from "./stop-on-signal.ts";
import { fitted, jsonOf, print, printCsv, printLine, printWrapped, tell } from "./terminal.ts";

export function addArchiveCommand(program: Command): void {
  const archive = program
    .command("archive")
    .description("look at what was received in the last days, whether the service runs or not")
    .addHelpText(
      "after",
      `
Reads the archive and the journals of all processes on this machine's data
directory. Replicas on other machines have archives of their own.`,
    );
  archive
    .command("status")
    .description("tell how large the archive is, since when it reaches, and what is damaged")
    .option("--json", "print it as JSON")
    .action(status);
  addFilterOptions(archive.command("list").description("list what was received, in the order of receipt"))
    .option(...FULL_NUMBERS)
    .option("--json", "print one line of JSON each, with the names of the CSV's columns")
    .addHelpText("after", `\nWithout --since it lists the last hour.\n${FILTERS_HELP}`)
    .action(list);
  addFilterOptions(archive.command("export").description("print what was received, as CSV, in the order of receipt"))
    .option(...FULL_NUMBERS)
    .option("--json", "print one line of JSON each, with the event as this version reads it")
    .addHelpText(
      "after",
      `
CSV as RFC 4180 has it, in UTF-8, its first line the names of the columns:
${columnsInLines()}

at is when it was received, fate what became of it: queued, duplicate,
quarantined, ignored, bounce; waiting where it is not worked off yet, unknown
where that was lost with a crash. outcome and what belongs to it is how this
version reads it, outcomeThen what its event said.
A cell that a spreadsheet would run has a "'" in front.

Damaged places are told on stderr, with what is lost; then the exit code is 1.
${FILTERS_HELP}`,
    )
    .action(exportReports);
}

interface Wanted extends FilterOptions, NumbersWanted {
  readonly json?: true;
}

const LISTED_MS = 3_600_000;

async function list(options: Wanted): Promise<void> {
  const numbers = numbersOf(options);
  const look = await lookAtArchive();
  const isBounded = options.since !== undefined || options.until !== undefined;
  const since = isBounded ? options.since : Date.now() - LISTED_MS;
  const given = await eachReport(look, { ...options, ...(since === undefined ? {} : { since }) }, (report) =>
    printLine(options.json ? jsonOf(rowOf(report, numbers)) : fitted(describeReport(report, numbers))),
  );
  if (!options.json)
    tell(`${some(given, "report")}${isBounded ? "" : " in the last hour (--since names another time)"}.`);
}

async function exportReports(options: Wanted): Promise<void> {
  const numbers = numbersOf(options);
  const look = await lookAtArchive();
  const give = (report: ArchivedReport): Promise<void> => {
    if (options.json) return printLine(jsonOf(rowWithEvent(report, numbers)));
    const row = rowOf(report, numbers);
    return printCsv(COLUMNS.map((name) => row[name]));
  };
  await eachReport(look, options, give, () => (options.json ? Promise.resolve() : printCsv(COLUMNS)));
}

/** One report at a time, however many there are, until Ctrl-C, which is heard between two of them; `begin` comes before the first. Gives how many. */
async function eachReport(
  look: ArchiveLook,
  options: FilterOptions,
  give: (report: ArchivedReport) => Promise<void>,
  begin: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const filter = filterOf(options);
  tellWhose(look);
  const stopping = stopOnSignal();
  let given = 0;
  let last: ArchivedReport | null = null;
  try {
    await begin();
    for await (const report of archivedReports(look, filter, tellDamage)) {
      if (stopping.signal.aborted) break;
      await give(report);
      given += 1;
      last = report;
    }
  } finally {
    stopping.end();
  }
  if (stopping.signal.aborted) {
    const reached = last === null ? "" : `, the last received at ${last.receivedAt}`;
    tell(`Stopped after ${some(given, "report")}${reached}`);
    process.exitCode = INTERRUPTED;
  }
  return given;
}

function tellDamage(damage: ArchiveDamage): void {
  tell(describeArchiveDamage(damage));
  if (damage.kind !== "removed") process.exitCode = 1;
}

async function status({ json }: { json?: true }): Promise<void> {
  const { dataDir, host, config, isRunning, off } = await lookAtArchive();
  const { oldestMs, newestMs, ...measured } = await measureArchive(dataDir).catch((cause: Error) => {
    throw inSentence(cause);
  });
  const { directory, files, bytes, days, records, damaged, unreadable, waiting } = measured;
  const [oldestAt, newestAt] = [oldestMs, newestMs].map((ms) => (ms === null ? null : new Date(ms).toISOString()));
  const [hours, maxBytes] = [archiveHoursOf(config), config.archiveMaxBytes];
  const bytesOfReport = records === 0 ? null : Math.round(bytes / records);
  if (damaged.places + unreadable.length > 0) process.exitCode = 1;
  if (json) {
    print(jsonOf({ host, ...measured, oldestAt, newestAt, bytesOfReport, hours, maxBytes, off, isRunning }, 2));
    return;
  }
  const reaches = oldestMs === null ? 0 : Date.now() - oldestMs;
  const rows: readonly (readonly [label: string, text: string | null])[] = [
    ["Archive", `${directory} on ${host}`],
    ["", off === null ? null : `${off}`],
    ["Service", isRunning ? "running" : "none answers: stopped, starting or stuck"],
    ["Reports", `${records}${bytesOfReport === null ? "" : `, ${some(bytesOfReport, "byte")} each`}`],
    ["Oldest", oldestAt === null ? "none" : `received at ${oldestAt}, ${durationInWords(reaches)} ago`],
    ["Newest", newestAt === null ? "none" : `received at ${newestAt}`],
    [
      "Size",
      `${bytes} of ${maxBytes} bytes (${inPercent(bytes, maxBytes)}), in ${some(files, "file")} of ${some(days.length, "day")}`,
    ],
    [
      "Kept for",
      `${hours} h (MM4D_ARCHIVE_HOURS), ${inPercent(Math.min(reaches, hours * 3_600_000), hours * 3_600_000)} of that is there`,
    ],
    [
      "Waiting",
      waiting.segments === 0
        ? "nothing waits to be packed"
        : `${some(waiting.segments, "segment")} to be packed, ${some(waiting.bytes, "byte")}`,
    ],
    [
      "Damaged",
      damaged.places === 0
        ? "nothing"
        : `${some(damaged.places, "place")}, ${some(damaged.bytes, "byte")}: "mm4d archive export" tells what is lost`,
    ],
    ...unreadable.map((path) => ["", `${path} cannot be read`] as const),
  ];
  printWrapped(rows.flatMap(([label, text]) => (text === null ? [] : [`${label.padEnd(10)}${text}`])));
}

/** The names, so many in a line that they fit. */
function columnsInLines(): string {
  const lines: string[] = [];
  for (const name of COLUMNS) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length + 2 > 78) lines.push(`  ${name}`);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return lines.join(",\n");
}
