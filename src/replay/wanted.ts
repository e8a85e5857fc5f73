/** What a replay was begun for, and whether the same is asked for again. Pure. */
import type { Replay, ReplayWanted } from "../queue/replays-kept.ts";

/** What somebody asks for. Null where nothing is said of it. */
export interface ReplayAsked {
  /** As it was typed, and the time that it means now: RFC 3339, UTC. */
  readonly since: AskedTime | null;
  readonly until: AskedTime | null;
  readonly filter: ReplayWanted["filter"];
  readonly queue: string | null;
}

/** A time on the command line. */
export interface AskedTime {
  readonly typed: string;
  readonly at: string;
}

/**
 * Whether a replay may go on for this: it is asked for by its name alone, or for the same reports and queue. A time
 * like `2h` means another one an hour later, so it is the same where it is typed the same. `mainQueue`: the one that is
 * meant where none is named.
 */
export function isAskedAgain(
  { wanted, typed }: Pick<Replay, "wanted" | "typed">,
  asked: ReplayAsked,
  mainQueue: string,
): boolean {
  const { since, until, filter, queue } = asked;
  if (since === null && until === null && queue === null && Object.keys(filter).length === 0) return true;
  return (
    isSameTime(since, typed.since, wanted.since) &&
    isSameTime(until, typed.until, wanted.until) &&
    isSameFilter(filter, wanted.filter) &&
    (queue ?? mainQueue) === wanted.queue
  );
}

function isSameTime(asked: AskedTime | null, typed: string, wanted: string): boolean {
  return asked === null ? typed === "" : asked.typed === typed || asked.at === wanted;
}

function isSameFilter(one: ReplayWanted["filter"], other: ReplayWanted["filter"]): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => one[name] === other[name]);
}

/** In words that follow "for", such as `reports from 2026-… until 2026-…, peer carrier, into "billing-2"`. */
export function describeWanted({ since, until, filter, queue }: ReplayWanted): string {
  const filters = Object.entries(filter).map(([name, value]) => `, ${name} ${value}`);
  return `reports from ${since} until ${until}${filters.join("")}, into "${queue}"`;
}
