/** Finds out with what errors the jobs of a queue have failed, and which are tried again: a few commands for any queue. */
import { createHash } from "node:crypto";
import { BOUNDS } from "../bounds/bounds.ts";
import { shapeOf, withoutHalfNumber } from "../queue/error-shape.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { DELAYED_SCORE } from "../queue/queue-use.ts";
import { jobRows, timeOf } from "./job-rows.ts";
import type { JobGroup, JobGroups, Troubles } from "./views.ts";

/** Of each job some hundred bytes are asked for, so that other commands get their turn between. */
const JOBS_AT_A_TIME = 200;

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
      all.push({ error: withoutHalfNumber(found[2 * place] ?? ""), began: found[2 * place + 1] ?? "" });
    }
  }
  return all;
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
    newest: await jobRows(
      place,
      queue,
      newest.map(({ id, atMs }) => ({ id, atMs: () => atMs })),
    ),
  };
}
