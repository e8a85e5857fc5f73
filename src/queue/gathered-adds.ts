/**
 * BullMQ's step of adding a job, for all jobs that wait for it at once.
 *
 * It is BullMQ's own script, run for one job after the other within one call:
 * the same keys, the same deduplication, the same events. What is saved is
 * everything around it, which costs this process more than all the rest of an
 * add. BullMQ's `addBulk` is a pipeline: as many calls, in one write.
 */
import { type BackendFactory, type JobJson, type KeysMap, QueueKeys, RedisConnection, RedisQueueBackend } from "bullmq";
import { addStandardJob } from "bullmq/dist/esm/scripts/addStandardJob-9.js";
import type { Redis } from "ioredis";

/** So many that one call takes Redis some milliseconds at most. */
const MAX_GATHERED = 64;
/** While Redis works on one, the next is put together. */
const CALLS = 2;

/** Gives the jobs' ids, or those of the jobs that stand for them already, in order. */
type AddAll = (args: readonly (string | Buffer)[]) => Promise<readonly (string | number)[]>;

/** Makes backends of queues on a client of ours, which stays open when they are closed. */
export function gatheringOn(redis: Redis, prefix: string): BackendFactory<RedisQueueBackend> {
  redis.defineCommand("addAllJobs", { numberOfKeys: addStandardJob.keys, lua: ADD_ALL });
  const { addAllJobs } = redis as unknown as { addAllJobs: AddAll };
  return (name, opts) => {
    const connection = new RedisConnection(opts.connection, { shared: true, blocking: false });
    const keys = new QueueKeys(prefix);
    const backend = new GatheringBackend(connection, name, keys.getKeys(name), (key) => keys.toKey(name, key), opts);
    backend.addAll = addAllJobs.bind(redis);
    return backend;
  };
}

interface Waiting {
  readonly args: readonly (string | Buffer)[];
  readonly resolve: (id: string | number) => void;
  readonly reject: (cause: Error) => void;
}

class GatheringBackend extends RedisQueueBackend {
  addAll: AddAll = () => Promise.reject(new Error("Not connected"));
  private waiting: Waiting[] = [];
  private calls = 0;
  private beginning = false;

  protected override addStandardJob(
    _client: unknown,
    job: JobJson,
    encodedOpts: unknown,
    args: (string | number | Record<string, unknown>)[],
    keys?: KeysMap,
  ): Promise<string | number> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ args: this.addStandardJobArgs(job, encodedOpts, args, keys), resolve, reject });
      if (this.calls === CALLS || this.beginning) return;
      this.beginning = true;
      // Whoever adds in this turn of the event loop comes along.
      setImmediate(() => void this.callUntilNoneWaits());
    });
  }

  private async callUntilNoneWaits(): Promise<void> {
    this.beginning = false;
    this.calls += 1;
    while (this.waiting.length > 0) await this.call(this.waiting.splice(0, MAX_GATHERED));
    this.calls -= 1;
  }

  private async call(jobs: readonly Waiting[]): Promise<void> {
    const keys = jobs[0]?.args.slice(0, addStandardJob.keys) ?? [];
    try {
      const ids = await this.addAll([...keys, ...jobs.flatMap(({ args }) => args.slice(addStandardJob.keys))]);
      for (const [index, { resolve }] of jobs.entries()) resolve(ids[index] ?? "");
    } catch (cause) {
      // One of them may be what Redis does not take: that one must not keep the others from the queue.
      if (jobs.length > 1 && (cause as Error).name === "ReplyError") for (const job of jobs) await this.call([job]);
      else for (const { reject } of jobs) reject(cause as Error);
    }
  }
}

/** ARGV: what BullMQ's script takes, three values for each job. */
const ADD_ALL = `
local function add(KEYS, ARGV)
${addStandardJob.content}
end
local ids = {}
for at = 1, #ARGV, 3 do
  ids[#ids + 1] = add(KEYS, {ARGV[at], ARGV[at + 1], ARGV[at + 2]})
end
return ids
`;
