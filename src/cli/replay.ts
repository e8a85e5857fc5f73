/** `mm4d replay`: publishes what the archive holds once more, or says what it would. */
import { type Command, InvalidArgumentError } from "commander";
import { BOUNDS } from "../bounds/bounds.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { addReportOptions, FILTERS_HELP } from "./archive-filter.ts";
import { readWholeNumber } from "./arguments.ts";
import { FULL_NUMBERS } from "./numbers.ts";
import { countReports, printDifferences } from "./replay-looks.ts";
import { RATE, type ReplayOptions, readTyped } from "./replay-options.ts";
import { runReplay } from "./replay-run.ts";

const MOST_A_SECOND = 5_000;

export function addReplayCommand(program: Command): void {
  const replay = program
    .command("replay")
    .description("publish archived reports once more, to one queue, or say what would be published")
    .option("--since <time>", "received then or later", readTyped)
    .option("--until <time>", "received before; now where it is not given", readTyped);
  addReportOptions(replay)
    .option("--to <queue>", "the one queue that gets the events, instead of MM4D_QUEUE", readQueue)
    .option(
      "--rate <number>",
      `so many events a second at most: ${RATE}, or as before`,
      readWholeNumber(1, MOST_A_SECOND),
    )
    .option("--name <name>", "to go on by after a stop; made and printed where it is not given", readName)
    .option("--dry-run", "publish nothing, and count what would be")
    .option("--diff", "publish nothing, and show what would be read otherwise than it was")
    .option(...FULL_NUMBERS)
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Each report is read by this version and its catalogue, by the rules that its
peer had then. Its event has the id of then, or of now where it had none, its
own time, and "replayed": true. Events come in the order of receipt, on one
queue only; nothing is acknowledged, and nothing is counted as a new report. A
report whose event still waits for its queue is left out: it comes by itself.
It reads the archive of this machine, while the service runs or not.

It may be stopped, or killed, at any moment. "mm4d replay --name NAME" goes on,
and doubles and misses nothing; the name is remembered for a week. With a name
that was used for other reports or another queue it is refused.

New reports come first: it goes by --rate, waits while ${BOUNDS.replayWaits.value} events wait on a
queue of the settings, or ${BOUNDS.replayWaitsElsewhere.value} on another one, and while ${BOUNDS.replayMemory.value * 100} % of
Redis's maxmemory are used.
${FILTERS_HELP}

Exit code 1 when it failed or could not read all of the archive, 130 when it was
stopped, and 3 when --diff has found something.

  mm4d replay --since yesterday --until today --peer bandwidth --dry-run
  mm4d replay --since 2h --to billing-2 --rate 200 --name billing-2
  mm4d replay --name billing-2
  mm4d replay --since 7d --diff`,
    )
    .action(async (options: ReplayOptions) => {
      if (options.dryRun && options.diff) throw new Error("Cannot replay: --dry-run and --diff must not be given both");
      if (options.diff) await printDifferences(options);
      else if (options.dryRun) await countReports(options);
      else await runReplay(options);
    });
}

function readQueue(text: string): string {
  if (!/^[^:\s]{1,100}$/.test(text) || text.startsWith("mm4d-"))
    throw new InvalidArgumentError('It must be a name without a colon or a blank, which does not begin with "mm4d-".');
  if (text === QUARANTINE_QUEUE || text === ACKNOWLEDGEMENTS_QUEUE)
    throw new InvalidArgumentError("It must be a queue of events: this one is mm4d's own.");
  return text;
}

function readName(text: string): string {
  if (!/^[\w.-]{1,64}$/.test(text))
    throw new InvalidArgumentError("It must be a name of up to 64 letters, digits, dots, hyphens and underscores.");
  return text;
}
