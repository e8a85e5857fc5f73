/** Finds out with what errors the jobs of a queue have failed, and which are tried again: a few commands for any queue. */
import { createHash } from "node:crypto";
import { BOUNDS } from "../bounds/bounds.ts";
import { shapeOf } from "../queue/error-shape.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { beginningOf } from "../text/beginning.ts";
import { eventIdIn } from "./job-sought.ts";
import type { JobGroup, JobGroups, JobRow, Troubles } from "./views.ts";

/** What a delayed job's time is multiplied by to be its score (BullMQ, getDelayedScore.lua). */
const DELAYED_SCORE = 0x1000;
/** Of each job some hundred bytes are asked for, so that other commands get their turn between. */
const JOBS_AT_A_TIME = 200;
/** The id stands behind the event's own ids, of a thousand characters each. */
const DATA_BYTES = 16_384;
/** Enough for so many characters of any kind. */
const ERROR_BYTES = 4 * BOUNDS.errorShown.value;

/** Reads of each job the beginning of its error and when its last attempt began. Redis would give values as a whole. */
const LOOK = `
local found = {}
for place, key in ipairs(KEYS) do
  local error, began = unpack(redis.call('HMGET', key, 'failedReason', 'processedOn'))
  found[2 * place - 1] = string.sub(error or '', 1, tonumber(ARGV[1]))
  found[2 * place] = began or ''
end
return found
`;

const SHOW = `
local found = {}
for place, key in ipairs(KEYS) do
  local error, data, attempts = unpack(redis.call('HMGET', key, 'failedReason', 'data', 'atm'))
  found[3 * place - 2] = string.sub(error or '', 1, tonumber(ARGV[1]))
  found[3 * place - 1] = string.sub(data or '', 1, tonumber(ARGV[2]))
  found[3 * place] = attempts or '0'
end
return found
`;

/** A job that was looked at. */
interface Looked {
  readonly id: string;
  readonly error: string;
  /** When it failed: in milliseconds since 1970; NaN where that is not known. */
  readonly atMs: number;
  /** When it is tried again; null for one that is not. */
  readonly nextMs: number | null;
}

/** Rejects when Redis does not answer. */
export async function findTroubles(place: QueuePlace, queue: string): Promise<Troubles> {
  const failed = await jobsIn(place, queue, "failed");
  const retrying = await jobsIn(place, queue, "delayed");
  return { failed: await grouped(place, queue, failed), retrying: await grouped(place, queue, retrying) };
}

/** The name of the group of an error: short, and the same wherever it is made. */
export function nameOfError(error: string): string {
  return createHash("sha256").update(shapeOf(error).shape).digest("hex").slice(0, 16);
}

/** The beginning of the error of each of these jobs, as groups are made of it, and when their last attempt began. */
export async function errorsOf(
  { redis, prefix }: QueuePlace,
  queue: string,
  ids: readonly string[],
): Promise<readonly { readonly error: string; readonly began: string }[]> {
  const all: { error: string; began: string }[] = [];
  for (let from = 0; from < ids.length; from += JOBS_AT_A_TIME) {
    const keys = ids.slice(from, from + JOBS_AT_A_TIME).map((id) => `${prefix}:${queue}:${id}`);
    const found = (await redis.eval(LOOK, keys.length, ...keys, BOUNDS.errorLookedAt.value)) as string[];
    for (let place = 0; place < keys.length; place += 1) {
      all.push({ error: uncut(found[2 * place] ?? ""), began: found[2 * place + 1] ?? "" });
    }
  }
  return all;
}

/** An error that may be cut must not end within a number, because half a number would not be masked. */
function uncut(error: string): string {
  const isWhole = Buffer.byteLength(error) < BOUNDS.errorLookedAt.value;
  return isWhole ? error : beginningOf(error, Math.max(0, error.length - 1));
}

/** Of failed jobs the newest, and of those that are tried again the ones that are next. */
async function jobsIn(place: QueuePlace, queue: string, set: "failed" | "delayed") {
  const key = `${place.prefix}:${queue}:${set}`;
  const most = BOUNDS.jobsLookedAt.value;
  const jobs = await place.redis.zcard(key);
  const scored =
    set === "failed"
      ? await place.redis.zrevrange(key, 0, most - 1, "WITHSCORES")
      : await place.redis.zrange(key, 0, most - 1, "WITHSCORES");
  const ids = scored.filter((_, index) => index % 2 === 0);
  const errors = await errorsOf(place, queue, ids);
  const looked = ids.map((id, index): Looked => {
    const score = Number(scored[2 * index + 1]);
    const { error = "", began = "" } = errors[index] ?? {};
    if (set === "failed") return { id, error, atMs: score, nextMs: null };
    return { id, error, atMs: began === "" ? Number.NaN : Number(began), nextMs: Math.floor(score / DELAYED_SCORE) };
  });
  return { jobs, looked };
}

async function grouped(
  place: QueuePlace,
  queue: string,
  { jobs, looked }: { readonly jobs: number; readonly looked: readonly Looked[] },
): Promise<JobGroups> {
  const byError = new Map<string, Looked[]>();
  for (const job of looked) {
    const name = nameOfError(job.error);
    const known = byError.get(name);
    if (known) known.push(job);
    else byError.set(name, [job]);
  }
  const most = [...byError].sort(([, a], [, b]) => b.length - a.length).slice(0, BOUNDS.errorGroups.value);
  const groups: JobGroup[] = [];
  for (const [error, alike] of most) groups.push(await groupOf(place, queue, error, alike));
  return { groups, jobs, lookedAt: looked.length };
}

async function groupOf(place: QueuePlace, queue: string, error: string, alike: readonly Looked[]): Promise<JobGroup> {
  const newest = [...alike].sort((a, b) => (b.atMs || 0) - (a.atMs || 0)).slice(0, BOUNDS.jobsOfError.value);
  const times = alike.map(({ atMs }) => atMs).filter((ms) => !Number.isNaN(ms));
  const next = alike.flatMap(({ nextMs }) => (nextMs === null ? [] : [nextMs]));
  return {
    error,
    example: shapeOf(alike[0]?.error ?? "").line,
    jobs: alike.length,
    firstAt: timeOf(Math.min(...times)),
    lastAt: timeOf(Math.max(...times)),
    next: timeOf(Math.min(...next)),
    newest: await rowsOf(place, queue, newest),
  };
}

async function rowsOf({ redis, prefix }: QueuePlace, queue: string, jobs: readonly Looked[]): Promise<JobRow[]> {
  const keys = jobs.map(({ id }) => `${prefix}:${queue}:${id}`);
  const found = (await redis.eval(SHOW, keys.length, ...keys, ERROR_BYTES, DATA_BYTES)) as string[];
  return jobs.map(({ id, atMs }, index) => ({
    id,
    eventId: eventIdIn(found[3 * index + 1] ?? ""),
    messageId: messageIdIn(found[3 * index + 1] ?? ""),
    numbers: numbersIn(found[3 * index + 1] ?? ""),
    attempts: Number(found[3 * index + 2]),
    at: timeOf(atMs),
    text: beginningOf(found[3 * index] ?? "", BOUNDS.errorShown.value),
  }));
}

/** In the beginning of an event's JSON, where it comes first of all that has that name; null where there is none. */
function messageIdIn(json: string): string | null {
  const text = /"messageId":("(?:[^"\\]|\\.)*")/.exec(json)?.[1];
  try {
    return text === undefined ? null : (JSON.parse(text) as string);
  } catch {
    // Another program has put something on the queue.
    return null;
  }
}

/** The first numbers of the parties that the beginning of an event's JSON names. */
function numbersIn(json: string): readonly string[] {
  const parties = [...json.matchAll(/"(?:raw|number)":"([^"\\]*)/g)].slice(0, MAX_PARTIES);
  return [...new Set(parties.flatMap(([, written = ""]) => written.match(/\d{7,15}/g) ?? []))];
}

const MAX_PARTIES = 40;

function timeOf(ms: number): string | null {
  const at = new Date(ms);
  // Any program that reaches Redis may have written it.
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
