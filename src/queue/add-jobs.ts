/**
 * BullMQ's step of adding a job, for all jobs of a batch at once, and the count
 * of each for the statistics.
 *
 * It is BullMQ's own script, run for one job after the other within one call:
 * the same keys, the same deduplication, the same events. The call saves all
 * that is around the script, which costs this process more than the rest of an
 * add. BullMQ's `addBulk` is a pipeline: as many calls, in one write.
 */
import type { IRedisTransaction, JobJson, RedisQueueBackend } from "bullmq";
import { addStandardJob } from "bullmq/dist/esm/scripts/addStandardJob-9.js";
import type { Redis } from "ioredis";
import { COUNT, COUNT_ARGUMENTS, type Count, countArguments } from "./statistics.ts";

/** A job, and as what it is counted when it is new; undefined where it is not. */
export type CountedJob = JobJson & { readonly count?: Count };

/** What a job of ours says beyond what every new one does. */
type NewJob = Pick<CountedJob, "id" | "name" | "data" | "opts" | "deduplicationId">;

/** As BullMQ's own `Queue.add` says it of a job that nobody has touched. In one literal, because copying takes ten times as long. */
export function newJob({ id, name, data, opts, deduplicationId }: NewJob): CountedJob {
  return {
    id,
    name,
    data,
    opts,
    deduplicationId,
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    failedReason: "",
    returnvalue: "",
    timestamp: Date.now(),
  } as CountedJob;
}

/**
 * Adds jobs to one queue in one call. Gives for each, in order, its id, or that of the job that stands for it already,
 * or why it could not be added. Rejects when nothing is known of any of them. So many, and so much, as the caller wants
 * Redis to work on without a break.
 */
export type AddJobs = (backend: RedisQueueBackend, jobs: readonly CountedJob[]) => Promise<readonly (string | Error)[]>;

export interface AddJobsOptions {
  readonly redis: Redis;
  readonly prefix: string;
  /** From now on jobs are added and are not in the statistics. */
  readonly onNotCounted: (cause: Error) => void;
}

/** What the script gives: an end for each job, and behind them why counts could not be written. */
type AddAll = (args: readonly Argument[]) => Promise<readonly (string | number | Error)[]>;
type Argument = string | number | Buffer;

export function addJobsOn({ redis, prefix, onNotCounted }: AddJobsOptions): AddJobs {
  redis.defineCommand("addAllJobs", { numberOfKeys: addStandardJob.keys, lua: ADD_ALL });
  const { addAllJobs } = redis as unknown as { addAllJobs: AddAll };
  const addAll = addAllJobs.bind(redis);
  /** Whether the jobs added last are in the statistics, because it is told once that they are not. */
  let counts = true;

  return async (backend, jobs) => {
    const each = await Promise.all(jobs.map((job) => scriptArguments(backend, job)));
    const keys = each[0]?.slice(0, addStandardJob.keys) ?? [];
    const ends = await addAll([...keys, ...countedArguments(jobs, each, backend, prefix)]);
    const [notCounted = null] = ends.slice(jobs.length) as Error[];
    if (notCounted !== null && counts) onNotCounted(notCounted);
    if (jobs.some(({ count }) => count)) counts = notCounted === null;
    return jobs.map((_, index) => endOf(ends[index]));
  };
}

/** BullMQ makes the arguments of its script, and is handed a connection that only keeps them. */
async function scriptArguments(backend: RedisQueueBackend, job: CountedJob): Promise<readonly Argument[]> {
  let kept: readonly Argument[] = [];
  const keeper = {
    runCommand(_name: string, args: readonly Argument[]): Promise<string> {
      kept = args;
      return Promise.resolve("");
    },
  };
  await backend.addJobToTransaction(keeper as unknown as IRedisTransaction, job, job.id);
  return kept;
}

/** Behind the keys: the counts, each once, and for each job what BullMQ's script takes and where its count stands. */
function countedArguments(
  jobs: readonly CountedJob[],
  each: readonly (readonly Argument[])[],
  backend: RedisQueueBackend,
  prefix: string,
): readonly Argument[] {
  const places = new Map<string, number>();
  const counts: Argument[] = [];
  const placeOf = (count: Count): number => {
    const name = `${count.minuteMs} ${count.kind}`;
    const known = places.get(name);
    if (known !== undefined) return known;
    // ARGV counts from 1, and the first says how many these are.
    const place = 2 + counts.length;
    places.set(name, place);
    counts.push(...countArguments(count, prefix));
    return place;
  };
  const added = jobs.flatMap((job, index): readonly Argument[] => {
    const place = job.count ? placeOf(job.count) : "";
    const written = [backend.toKey(job.id), backend.toKey(`de:${job.deduplicationId}`)];
    return [...(each[index]?.slice(addStandardJob.keys) ?? []), place, ...written];
  });
  return [places.size, ...counts, ...added];
}

function endOf(end: string | number | Error | undefined): string | Error {
  if (end instanceof Error) return end;
  // BullMQ's script says with a negative number that it has added nothing.
  if (end === undefined || typeof end === "number")
    return new Error(`BullMQ did not add the job: ${end ?? "no answer"}`);
  return end;
}

/**
 * ARGV: how many counts there are and each of them; then for each job what BullMQ's script takes (three values), the
 * place of its count, empty for none, and the two keys of which either is there when it was added before.
 *
 * BullMQ's script writes these two before it puts the job where consumers take it. Where it fails there, they go
 * again: otherwise the next attempt would find the job added, and no consumer would ever see it.
 */
const ADD_ALL = `
local function add(KEYS, ARGV)
${addStandardJob.content}
end
${COUNT}
-- Before Redis 7 what was wrong is a text.
local function asError(why) return type(why) == 'table' and why or {err = tostring(why)} end
local ends, counted = {}, {}
for at = 2 + ARGV[1] * ${COUNT_ARGUMENTS}, #ARGV, 6 do
  local place = tonumber(ARGV[at + 3])
  local isNew = redis.call('EXISTS', ARGV[at + 4], ARGV[at + 5]) == 0
  -- One of them may be what Redis does not take: that one must not keep the others from the queue.
  local added, id = pcall(add, KEYS, {ARGV[at], ARGV[at + 1], ARGV[at + 2]})
  if added and isNew and place then counted[place] = (counted[place] or 0) + 1 end
  if isNew and not added then pcall(redis.call, 'DEL', ARGV[at + 4], ARGV[at + 5]) end
  ends[#ends + 1] = added and id or asError(id)
end
-- A user of Redis who may not write there, say, must not keep the jobs from being added.
for place, reports in pairs(counted) do
  local done, why = pcall(count, ARGV, place, reports)
  if not done then ends[#ends + 1] = asError(why) end
end
return ends
`;
