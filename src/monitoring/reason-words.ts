/** The words that the sentences of reasons.ts have in common. Pure. */
import { BOUNDS } from "../bounds/bounds.ts";
import { beginningOf } from "../text/beginning.ts";
import { maskAllNumbers } from "../text/masking.ts";
import { durationInWords, inPercent, megabytes, some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { HealthFacts, QueueFacts } from "./health.ts";
import { isQueuedAlready, type Quarantine } from "./judging.ts";
import type { ReasonTimes } from "./reason-times.ts";

export const MOST_NAMED = BOUNDS.namesInOneReason.value;
const MOST_QUOTED = BOUNDS.errorQuoted.value;

export function waiting({ journal }: HealthFacts): string {
  return `${journal.records === 1 ? "1 report waits" : `${journal.records} reports wait`} in the journal (${size(journal)})`;
}

/** Of what a full journal is full, and until when. */
export function fullness(facts: HealthFacts, times: ReasonTimes): { readonly of: string; readonly until: string } {
  if (!isQueuedAlready(facts, times)) return { of: "", until: redisHasCaughtUp(facts) };
  const { most, bytes } = facts.journal;
  const whose = most === null ? "" : `, ${inPercent(most.bytes, bytes)} of it from ${most.peer}`;
  return {
    of: ` of what was queued within the last minute${whose}`,
    until: "that has been on the queue for a minute",
  };
}

export function redisHasCaughtUp({ redis }: HealthFacts): string {
  return redis.awayMs === null ? "Redis has caught up" : "Redis is back and has caught up";
}

export function size({ bytes, maxBytes }: HealthFacts["journal"]): string {
  return `${megabytes(bytes)} of ${megabytes(maxBytes)}`;
}

export function filled({ messages, maxMessages, bytes, maxBytes }: Quarantine): string {
  return `${messages} of ${some(maxMessages, "message")}, ${megabytes(bytes)} of ${megabytes(maxBytes)}`;
}

/** Why nothing is taken is said as far as it is known. */
export function notTaken(queue: QueueFacts): string {
  const { workers, workersUnknown, jobs, paused, notTakenMs } = queue;
  const { active = 0 } = jobs;
  const inHand = active === 0 ? "" : `, though ${active} ${active === 1 ? "is" : "are"} in hand`;
  const why = (): string => {
    if (paused) return "the queue is paused";
    if (workers === null) return `whether a worker of BullMQ is connected cannot be told (${workersUnknown})${inHand}`;
    if (workers === 0) return `no worker of BullMQ is connected${inHand}`;
    const connected = `${some(workers, "worker")} of BullMQ ${workers === 1 ? "is" : "are"} connected`;
    return active === 0
      ? `${connected} and take${workers === 1 ? "s" : ""} none`
      : `${connected}, with ${active} in hand`;
  };
  return `${onIt(queue)} on the queue ${shownName(queue)}, and none was taken for ${durationInWords(notTakenMs ?? 0)}: ${why()}`;
}

export function onIt({ holds, waits, jobs }: QueueFacts): string {
  const noun = holds === "events" ? "event" : "acknowledgement";
  // Their time has come, and BullMQ counts them among those that are to be tried again until somebody takes them.
  const due = waits - (jobs.waiting ?? 0);
  const again = due > 0 ? ` (${due === waits ? "all" : due} to be tried again)` : "";
  return `${waits === 1 ? `1 ${noun} waits` : `${waits} ${noun}s wait`}${again}`;
}

export function shownName({ name }: QueueFacts): string {
  return visible(name);
}

/** Peers that reloads have set have a time of their own each. */
export function sinceSet(peers: HealthFacts["peers"]): readonly string[] {
  const [first, ...others] = peers;
  if (!first) return [];
  const ago = ({ knownMs }: typeof first): string => `${durationInWords(knownMs)} ago`;
  if (others.length === 0) return [`No report has come from ${first.name} since it was set, ${ago(first)}`];
  const each = peers.map((peer) => `${peer.name} (set ${ago(peer)})`);
  return [`No report has come from ${named(each)} since they were set`];
}

export function named(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return `${names.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** What digits and dots stand for an address is not a number of a person. */
const ADDRESS = /((?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]))/;

/** Words of somebody else, on one line: cut, without telephone numbers, and with nothing hidden in them. */
export function quoted(text: string): string {
  const line = beginningOf(text, 4 * MOST_QUOTED)
    .replace(/\s+/g, " ")
    .trim();
  const masked = line
    .split(ADDRESS)
    .map((part, index) => (index % 2 === 1 ? part : maskAllNumbers(part)))
    .join("");
  const cut = masked.length > MOST_QUOTED ? `${masked.slice(0, MOST_QUOTED)}…` : masked;
  return cut === "" ? "an error without words" : `"${visible(cut)}"`;
}
