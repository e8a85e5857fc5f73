/**
 * BullMQ's step of adding a job, for all jobs that wait for it at once, and the
 * count of each for the statistics.
 *
 * It is BullMQ's own script, run for one job after the other within one call:
 * the same keys, the same deduplication, the same events. What is saved is
 * everything around it, which costs this process more than all the rest of an
 * add. BullMQ's `addBulk` is a pipeline: as many calls, in one write.
 */
import { type BackendFactory, type JobJson, type KeysMap, QueueKeys, RedisConnection, RedisQueueBackend } from "bullmq";
import { addStandardJob } from "bullmq/dist/esm/scripts/addStandardJob-9.js";
import type { Redis } from "ioredis";
import { COUNT, COUNT_ARGUMENTS, type Count, countArguments } from "./statistics.ts";

/** So many, and so much, that one call takes Redis some milliseconds at most, also behind a slow line. */
const MAX_GATHERED = 64;
const MAX_GATHERED_LENGTH = 512 * 1024;
/** While Redis works on one, the next is put together. */
const CALLS = 2;

/** A job, and as what it is counted when it is new; undefined where it is not. */
export type CountedJob = JobJson & { readonly count?: Count };

/**
 * Gives for each job its id, or that of the job that stands for it already, or why it could not be added. In order,
 * and behind them why counts could not be.
 */
type AddAll = (args: readonly Argument[]) => Promise<readonly (string | number | Error)[]>;
type Argument = string | number | Buffer;

export interface GatheringOptions {
  /** Ours, which stays open when the queues are closed. */
  readonly redis: Redis;
  readonly prefix: string;
  /** From now on jobs are added and are not in the statistics. */
  readonly onNotCounted: (cause: Error) => void;
}

/** Makes backends of queues. */
export function gatheringOn({ redis, prefix, onNotCounted }: GatheringOptions): BackendFactory<RedisQueueBackend> {
  redis.defineCommand("addAllJobs", { numberOfKeys: addStandardJob.keys, lua: ADD_ALL });
  const { addAllJobs } = redis as unknown as { addAllJobs: AddAll };
  return (name, opts) => {
    const connection = new RedisConnection(opts.connection, { shared: true, blocking: false });
    const keys = new QueueKeys(prefix);
    const backend = new GatheringBackend(connection, name, keys.getKeys(name), (key) => keys.toKey(name, key), opts);
    backend.addAll = addAllJobs.bind(redis);
    backend.prefix = prefix;
    backend.onNotCounted = onNotCounted;
    return backend;
  };
}

interface Waiting {
  readonly job: CountedJob;
  /** What BullMQ's script takes. */
  readonly args: readonly (string | Buffer)[];
  readonly resolve: (id: string | number) => void;
  readonly reject: (cause: Error) => void;
}

class GatheringBackend extends RedisQueueBackend {
  addAll: AddAll = () => Promise.reject(new Error("Not connected"));
  prefix = "";
  onNotCounted: (cause: Error) => void = () => {};
  private waiting: Waiting[] = [];
  private calls = 0;
  private beginning = false;
  /** Whether what was added last is in the statistics: that it is not is told once. */
  private counts = true;

  protected override addStandardJob(
    _client: unknown,
    job: CountedJob,
    encodedOpts: unknown,
    args: (string | number | Record<string, unknown>)[],
    keys?: KeysMap,
  ): Promise<string | number> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ job, args: this.addStandardJobArgs(job, encodedOpts, args, keys), resolve, reject });
      if (this.calls === CALLS || this.beginning) return;
      this.beginning = true;
      // Whoever adds in this turn of the event loop comes along.
      setImmediate(() => void this.callUntilNoneWaits());
    });
  }

  private async callUntilNoneWaits(): Promise<void> {
    this.beginning = false;
    this.calls += 1;
    while (this.waiting.length > 0) await this.call(this.takeSome());
    this.calls -= 1;
  }

  private takeSome(): readonly Waiting[] {
    let count = 0;
    for (let length = 0; count < MAX_GATHERED && length < MAX_GATHERED_LENGTH; count++) {
      const next = this.waiting[count];
      if (!next) break;
      length += next.job.data.length;
    }
    return this.waiting.splice(0, count);
  }

  private async call(jobs: readonly Waiting[]): Promise<void> {
    const keys = jobs[0]?.args.slice(0, addStandardJob.keys) ?? [];
    try {
      const ends = await this.addAll([...keys, ...this.argumentsOf(jobs)]);
      for (const [index, { resolve, reject }] of jobs.entries()) {
        const end = ends[index] ?? "";
        if (end instanceof Error) reject(end);
        else resolve(end);
      }
      const [notCounted = null] = ends.slice(jobs.length) as Error[];
      if (notCounted !== null && this.counts) this.onNotCounted(notCounted);
      if (jobs.some(({ job }) => job.count)) this.counts = notCounted === null;
    } catch (cause) {
      for (const { reject } of jobs) reject(cause as Error);
    }
  }

  private argumentsOf(jobs: readonly Waiting[]): readonly Argument[] {
    const places = new Map<string, number>();
    const counts: Argument[] = [];
    const placeOf = (count: Count): number => {
      const name = `${count.minuteMs} ${count.kind}`;
      const known = places.get(name);
      if (known !== undefined) return known;
      // ARGV counts from 1, and the first says how many these are.
      const place = 2 + counts.length;
      places.set(name, place);
      counts.push(...countArguments(count, this.prefix));
      return place;
    };
    const added = jobs.flatMap(({ job, args }): readonly Argument[] => {
      const counted = job.count
        ? [placeOf(job.count), this.toKey(job.id), this.toKey(`de:${job.deduplicationId}`)]
        : ["", "", ""];
      return [...args.slice(addStandardJob.keys), ...counted];
    });
    return [places.size, ...counts, ...added];
  }
}

/**
 * ARGV: how many counts there are and each of them; then for each job what BullMQ's script takes (three values), the
 * place of its count, and the two keys of which either is there when it was added before.
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
  local isNew = place and redis.call('EXISTS', ARGV[at + 4], ARGV[at + 5]) == 0
  -- One of them may be what Redis does not take: that one must not keep the others from the queue.
  local added, id = pcall(add, KEYS, {ARGV[at], ARGV[at + 1], ARGV[at + 2]})
  if added and isNew then counted[place] = (counted[place] or 0) + 1 end
  ends[#ends + 1] = added and id or asError(id)
end
-- A user of Redis who may not write there, say, must not keep the jobs from being added.
for place, reports in pairs(counted) do
  local done, why = pcall(count, ARGV, place, reports)
  if not done then ends[#ends + 1] = asError(why) end
end
return ends
`;
