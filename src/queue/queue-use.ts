/**
 * Looks at a queue: how many jobs are in which state, since when the oldest waits,
 * whether it is paused, and with what errors jobs have failed. That takes a few
 * commands, however long the queue is.
 */
import type { Redis } from "ioredis";
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueueUse } from "../monitoring/observed.ts";
import { shapeOf, withoutHalfNumber } from "./error-shape.ts";
import type { QueuePlace } from "./queue-place.ts";
import { redisFault } from "./redis-faults.ts";

/** What one look finds. */
export interface QueueLook
  extends Omit<QueueUse, "agoMs" | "notTakenMs" | "workers" | "workersUnknown" | "workersSeenAt"> {
  /**
   * The job that a consumer would take next from each place where jobs wait; null where none waits. While it is
   * the same, nothing was taken there.
   */
  readonly next: readonly (string | null)[];
  /** When a consumer was done with one, or gave one up, the last time that is still known. */
  readonly endedAt: Date | null;
}

/** BullMQ's lists and sets of ids, oldest last. A paused queue kept what waits in a list of its own until BullMQ 5. */
const LISTS = ["wait", "paused", "active"] as const;
const SETS = ["prioritized", "delayed", "failed", "completed"] as const;
/** `wait`, `paused` and `prioritized`. */
const WAITING_PLACES = 3;
/** What a delayed job's time is multiplied by to be its score (BullMQ, getDelayedScore.lua). */
export const DELAYED_SCORE = 0x1000;

/** Only the newest jobs in hand, because those that a dead worker left behind are older. Their locks end after some seconds. */
const HOLDS_LOOKED_AT = 10;

/** Reads the beginning of each job's error. Redis gives values as a whole, and an error may have any length. */
const ERRORS = `
local errors = {}
for place, key in ipairs(KEYS) do
  errors[place] = string.sub(redis.call('HGET', key, 'failedReason') or '', 1, tonumber(ARGV[1]))
end
return errors
`;

/** Rejects when Redis does not answer, or refuses. */
export async function lookAtQueue({ redis, prefix }: QueuePlace, queue: string): Promise<QueueLook> {
  const key = (part: string): string => `${prefix}:${queue}:${part}`;
  const due = String((Date.now() + 1) * DELAYED_SCORE - 1);
  const pipeline = redis.pipeline();
  for (const list of LISTS) pipeline.llen(key(list));
  for (const set of SETS) pipeline.zcard(key(set));
  pipeline.lindex(key("wait"), -1);
  pipeline.lindex(key("paused"), -1);
  pipeline.zrange(key("prioritized"), 0, 0);
  pipeline.zrangebyscore(key("delayed"), "-inf", due, "LIMIT", 0, 1);
  pipeline.zcount(key("delayed"), "-inf", due);
  pipeline.hexists(key("meta"), "paused");
  pipeline.zrange(key("failed"), 0, 0, "WITHSCORES");
  pipeline.zrange(key("failed"), -1, -1, "WITHSCORES");
  pipeline.zrange(key("completed"), -1, -1, "WITHSCORES");
  pipeline.zrange(key("delayed"), 0, BOUNDS.errorsLookedAt.value - 1);
  pipeline.lrange(key("active"), 0, HOLDS_LOOKED_AT - 1);
  const answers = ((await pipeline.exec()) ?? []).map(([cause, answer]) => {
    if (cause) throw new Error(`The queue "${queue}" cannot be looked at: ${redisFault(cause)}`);
    return answer;
  });
  const counts = answers.splice(0, LISTS.length + SETS.length).map(Number);
  const [waiting = 0, paused = 0, active = 0, prioritized = 0, delayed = 0, failed = 0, completed = 0] = counts;
  const [
    wait,
    pausedWait,
    [firstPrioritized],
    [firstDue],
    dueCount,
    isPaused,
    [firstFailed, failedAt],
    [lastFailed, lastFailedAt],
    [, lastDoneAt],
    later,
    inHand,
  ] = answers as [
    string | null,
    string | null,
    string[],
    string[],
    number,
    number,
    string[],
    string[],
    string[],
    string[],
    string[],
  ];

  const next = [wait, pausedWait, firstPrioritized ?? null, firstDue ?? null];
  const times = await Promise.all(
    next.map((id) => (id === null ? [null, null] : redis.hmget(key(id), "timestamp", "processedOn"))),
  );
  // A job that is due to be tried again does not count, because its time is that of its first attempt.
  const made = times.slice(0, WAITING_PLACES).flatMap(([time]) => (typeof time === "string" ? [Number(time)] : []));
  const errors = await errorsOf(redis, [...(lastFailed === undefined ? [] : [lastFailed]), ...later].map(key));
  const ended = [lastFailedAt, lastDoneAt].flatMap((at) => (at === undefined ? [] : [Number(at)]));
  const lastError = lastFailed === undefined ? "" : (errors.shift() ?? "");
  return {
    jobs: { waiting: waiting + paused + prioritized, active, delayed, failed, completed },
    oldestWaitingAt: made.length === 0 ? null : new Date(Math.min(...made)),
    waits: waiting + paused + prioritized + dueCount,
    paused: isPaused === 1,
    failures: firstFailed === undefined ? null : { firstAt: new Date(Number(failedAt)), error: lastError },
    retrying: alikeIn(errors),
    held: inHand.length > 0 && (await redis.exists(...inHand.map((id) => `${key(id)}:lock`))) > 0,
    endedAt: ended.length === 0 ? null : new Date(Math.max(...ended)),
    // With its start, so that a job that was taken and came back at once differs.
    next: next.map((id, place) => (id === null ? null : `${id} ${times[place]?.[1]}`)),
  };
}

async function errorsOf(redis: Redis, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const errors = (await redis.eval(ERRORS, keys.length, ...keys, BOUNDS.errorLookedAt.value)) as string[];
  return errors.map(withoutHalfNumber);
}

/** The most frequent error. */
function alikeIn(errors: readonly string[]): QueueUse["retrying"] {
  const shapes = new Map<string, { alike: number; readonly error: string }>();
  for (const error of errors) {
    // A consumer has put the job off without an error.
    if (error === "") continue;
    const { line, shape } = shapeOf(error);
    const known = shapes.get(shape) ?? { alike: 0, error: line };
    known.alike += 1;
    shapes.set(shape, known);
  }
  const [most] = [...shapes.values()].sort((a, b) => b.alike - a.alike);
  return most ? { lookedAt: errors.length, ...most } : null;
}
