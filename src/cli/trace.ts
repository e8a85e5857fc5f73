/** `mm4d trace`: all that is known of a report. */
import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { readingAgain } from "../flow/read-again.ts";
import { withQueuePlace } from "../queue/queue-place.ts";
import type { Config } from "../settings/config.ts";
import { loadPeers } from "../settings/peers.ts";
import { loadReading } from "../settings/reading.ts";
import { visible } from "../text/visible.ts";
import { findTrace } from "../trace/find.ts";
import type { Trace } from "../trace/note.ts";
import type { TraceReading } from "../trace/reading.ts";
import { tellOnlyReplays } from "../trace/replayed-note.ts";
import { headerOf, tellReport } from "../trace/told.ts";
import { FULL_NUMBERS, type NumbersWanted, numbersOf } from "./numbers.ts";
import { TELL_UNREAD } from "./peers-tables.ts";
import { findQueue, flushTrace, type QueueFound } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { fitted, jsonOf, printLine, tell } from "./terminal.ts";
import { lookInArchive } from "./trace-archive.ts";
import { whyNotTraced } from "./why-not-traced.ts";

export function addTraceCommand(program: Command): void {
  program
    .command("trace <id>")
    .description("show the full history of a report, by message, transaction or event id, or phone number")
    .option("--headers", "with the header of each message, as it came")
    .option(...FULL_NUMBERS)
    .option("--json", "print it as JSON, with the events and numbers in full")
    .addHelpText(
      "after",
      `
From the SMTP session to the queue and the acknowledgement, with times; then
what was said later of the same message. It is remembered for as long as
MM4D_TRACE_HOURS and MM4D_TRACE_MAX_BYTES allow. What Redis does not have any
more is looked for in this machine's archive, the newest first, for ten seconds
at most; "mm4d archive list" looks further, where --since says so.
Acknowledgements are not in it.

Where this version, its catalogue or the peer's entry of now would read a
report otherwise than it was read, "would read today" says how.

Exit code 1 when nothing is remembered; then it says why, as far as journal,
quarantine and the running service tell.`,
    )
    .action(trace);
}

interface Wanted extends NumbersWanted {
  readonly headers?: true;
  readonly json?: true;
}

const NOTHING: Trace = { reports: [], more: false };
/** Every service writes its trace to Redis once a second, even if it is not asked to. */
const WRITTEN_AFTER_MS = 1_200;

/** The trace in Redis; when that is empty, once more a moment later, because a service on another machine may be writing. */
function look(id: string, { address, settings }: QueueFound): Promise<Trace> {
  const reading = readingWith(settings.config);
  return withQueuePlace(address, async (place) => {
    const ask = (): Promise<Trace> => findTrace(place, address.queue, id, reading);
    const found = await ask();
    if (found.reports.length > 0 || settings.config.traceHours === 0) return found;
    await wait(WRITTEN_AFTER_MS);
    return ask();
  });
}

/**
 * Reads with the files that the settings name. What is remembered is told without them too: who asks may not be
 * allowed to read them, and their fault may be what is looked for.
 */
function readingWith(config: Config): TraceReading {
  const catalogue = orSay(
    () => loadReading(config, TELL_UNREAD),
    "read with the catalogue of this version alone",
    () => loadReading({ ...config, catalogueFile: "" }, TELL_UNREAD),
  );
  const peers = orSay(
    () => loadPeers(config),
    "read by the rules that each peer had",
    () => [],
  );
  return readingAgain(
    () => catalogue,
    () => peers,
  );
}

function orSay<T>(load: () => T, otherwise: string, without: () => T): T {
  try {
    return load();
  } catch (cause) {
    tell(`${(cause as Error).message}: reports are ${otherwise}`);
    return without();
  }
}

/** It begins with a capital letter. */
function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

async function trace(id: string, { headers, json, ...wanted }: Wanted): Promise<void> {
  const queue = await findQueue(loadSettings("trace"));
  // A message that was answered a moment ago is not written yet.
  const state = await flushTrace(queue.found);
  let redisFault: string | null = null;
  const inRedis = await look(id, queue).catch((cause: Error) => {
    redisFault = cause.message;
    return NOTHING;
  });
  const isWhole = !inRedis.reports.every(({ notes }) => tellOnlyReplays(notes));
  const archive = isWhole ? null : await lookInArchive(id, queue, readingWith(queue.settings.config), redisFault);
  const found = archive !== null && archive.trace.reports.length > 0 ? archive.trace : inRedis;
  if (json && (redisFault === null || found.reports.length > 0)) await printLine(jsonOf(found));
  if (found.reports.length === 0) {
    const reasons = await whyNotTraced({ wanted: id, queue, state, redisFault, inArchive: archive?.looked ?? "" });
    throw new Error(
      `Cannot find "${id}": ${reasons.map((reason, index) => (index === 0 ? reason : sentence(reason))).join(". ")}`,
    );
  }
  if (archive !== null) tell(sentence(archive.looked));
  if (!json) await printReports(found, headers, wanted);
}

async function printReports({ reports, more }: Trace, headers: true | undefined, wanted: NumbersWanted): Promise<void> {
  const numbers = numbersOf(wanted);
  for (const [index, report] of reports.entries()) {
    if (index > 0) await printLine("");
    const { headline, steps } = tellReport(report, numbers);
    await printLine(fitted([...headline, ...steps.map(({ at, text }) => `  ${at}  ${text}`)]));
    const header = headers ? headerOf(report, numbers) : null;
    if (header !== null) await printLine(`\n${visible(header).replace(/^/gm, "    ")}`);
  }
  if (more) await printLine("\nThere are more; these are the newest.");
}
