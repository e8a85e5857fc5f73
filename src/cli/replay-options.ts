/** What the options of a replay mean, and what is kept of them with its name. */
import { InvalidArgumentError } from "commander";
import { type ArchiveFilter, EVERY_REPORT } from "../archive/read-report.ts";
import type { ReplayWanted } from "../queue/replays-kept.ts";
import type { AskedTime, ReplayAsked } from "../replay/wanted.ts";
import { maskFilter } from "../text/mask-filter.ts";
import { TIMES, timeIn } from "../text/times.ts";
import { type FilterOptions, filterOf } from "./archive-filter.ts";
import type { NumbersWanted } from "./numbers.ts";

export interface ReplayOptions extends Omit<FilterOptions, "since" | "until">, NumbersWanted {
  readonly since?: AskedTime;
  readonly until?: AskedTime;
  readonly to?: string;
  readonly rate?: number;
  readonly name?: string;
  readonly dryRun?: true;
  readonly diff?: true;
  readonly json?: true;
}

/** Events a second where nothing is said: modest, because it may be a busy day, and 360,000 an hour all the same. */
export const RATE = 100;

/** Reads a time, and keeps how it was typed. */
export function readTyped(typed: string): AskedTime {
  const ms = timeIn(typed, new Date());
  if (ms === undefined) throw new InvalidArgumentError(`It must be ${TIMES}.`);
  return { typed, at: new Date(ms).toISOString() };
}

export function askedBy(options: ReplayOptions): ReplayAsked {
  const { since = null, until = null, to = null } = options;
  return { since, until, filter: textsOf(archiveFilterOf(options)), queue: to };
}

/** As it is shown. */
export function shownWanted(wanted: ReplayWanted): ReplayWanted {
  return { ...wanted, filter: maskFilter(wanted.filter) };
}

/** What a new replay is to publish. Throws with a sentence where nothing says from when on. */
export function wantedBy(options: ReplayOptions, mainQueue: string, now: Date): ReplayWanted {
  const { since, until, filter, queue } = askedBy(options);
  if (since === null) throw new Error(`Cannot replay: ${whyNoSince(options)}`);
  // What comes while it runs comes by itself.
  const end = Math.min(now.getTime(), until === null ? Number.POSITIVE_INFINITY : Date.parse(until.at));
  if (Date.parse(since.at) >= end) throw new Error(`Cannot replay: --since is ${since.at}, must be before now`);
  return { since: since.at, until: new Date(end).toISOString(), filter, queue: queue ?? mainQueue };
}

function whyNoSince({ name, dryRun }: ReplayOptions): string {
  if (name === undefined) return '--since must be given, such as "--since 2h", or the --name of a replay to go on with';
  if (dryRun) return "--since must be given with --dry-run, which does not ask Redis for what a name stands for";
  return `no replay is named "${name}" here, or it is forgotten by now; give --since for a new one`;
}

/** With the window as it is meant now; null in it for no bound. */
export function archiveFilterOf({ since, until, ...options }: ReplayOptions): ArchiveFilter {
  return filterOf({
    ...options,
    ...(since === undefined ? {} : { since: Date.parse(since.at) }),
    ...(until === undefined ? {} : { until: Date.parse(until.at) }),
  });
}

/** The filter of a replay that was begun. */
export function filterWanted({ since, until, filter }: ReplayWanted): ArchiveFilter {
  const { code, ...texts } = filter;
  const kept = Object.fromEntries(Object.entries(texts).map(([name, text]) => [PARTS_BY_OPTION[name] ?? name, text]));
  const number = code === undefined ? {} : { code: code === "none" ? ("none" as const) : Number(code) };
  return { ...EVERY_REPORT, ...kept, ...number, sinceMs: Date.parse(since), untilMs: Date.parse(until) };
}

/** As options name them. */
function textsOf({ peer, type, outcome, disposition, code, messageId }: ArchiveFilter): ReplayWanted["filter"] {
  const parts = { peer, type, outcome, disposition, code, "message-id": messageId };
  return Object.fromEntries(
    Object.entries(parts).flatMap(([name, part]) => (part === null ? [] : [[name, String(part)]])),
  );
}

const PARTS_BY_OPTION: Readonly<Record<string, keyof ArchiveFilter>> = { "message-id": "messageId" };
