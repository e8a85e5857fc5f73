/** Which archived reports a command is for: the options that `mm4d archive` and a replay share. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ArchiveFilter, EVERY_REPORT } from "../archive/read-report.ts";
import { EVENT_TYPES } from "../delivery/make-event.ts";
import type { ReportKind } from "../delivery/report.ts";
import { DISPOSITIONS, type Disposition, OUTCOMES, type Outcome } from "../delivery/verdict.ts";
import { TIMES, timeIn } from "../text/times.ts";
import { bareId } from "../trace/note.ts";

/** What the options give. Times are in milliseconds since 1970. */
export interface FilterOptions {
  readonly since?: number;
  readonly until?: number;
  readonly peer?: string;
  readonly type?: ReportKind;
  readonly outcome?: Outcome;
  readonly disposition?: Disposition;
  readonly code?: number | "none";
  readonly messageId?: string;
}

/** Adds the options that say which reports are meant. */
export function addFilterOptions(command: Command): Command {
  return addReportOptions(
    command
      .option("--since <time>", "received then or later", readTime)
      .option("--until <time>", "received before", readTime),
  );
}

/** The same without the window of time. */
export function addReportOptions(command: Command): Command {
  return command
    .option("--peer <name>", "only this peer's")
    .addOption(new Option("--type <type>", "only events of this type").choices(Object.keys(EVENT_TYPES)))
    .addOption(new Option("--outcome <outcome>", "only with this outcome").choices(OUTCOMES))
    .addOption(new Option("--disposition <word>", "only with this disposition").choices(DISPOSITIONS))
    .option("--code <number>", 'only with this code, such as 470 or 4470; "none": without one', readCode)
    .option("--message-id <id>", "only of this message");
}

/** For the help: how times are written, and what the filters go by. */
export const FILTERS_HELP = `
Times are like 30m, 2h, 3d (so long ago), today, yesterday (their beginning),
2026-01-02 or 2026-01-02T03:04Z: in UTC where they name no zone. --since is the
first moment, --until the first behind: "--since yesterday --until today" is
yesterday. Type, outcome, disposition, code and message id are those that this
version reads; with one of them, what makes no event is left out.`;

/** Throws where the window ends before it begins. */
export function filterOf(options: FilterOptions): ArchiveFilter {
  const { since = null, until = null, peer = null, type, outcome = null, disposition = null, code = null } = options;
  if (since !== null && until !== null && until <= since) {
    const [from, to] = [since, until].map((ms) => new Date(ms).toISOString());
    throw new Error(`Cannot read the archive: --until is ${to}, must be later than --since, which is ${from}`);
  }
  const messageId = options.messageId === undefined ? null : bareId(options.messageId);
  const eventType = type === undefined ? null : EVENT_TYPES[type];
  return {
    ...EVERY_REPORT,
    sinceMs: since,
    untilMs: until,
    peer,
    type: eventType,
    outcome,
    disposition,
    code,
    messageId,
  };
}

function readTime(text: string): number {
  const ms = timeIn(text, new Date());
  if (ms === undefined) throw new InvalidArgumentError(`It must be ${TIMES}.`);
  return ms;
}

function readCode(text: string): number | "none" {
  if (text === "none") return text;
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 to 9999, or "none".');
  return Number(text);
}
