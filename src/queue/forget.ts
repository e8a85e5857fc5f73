/** Removes what queues hold about one party, but no job that still has to be done: for `mm4d forget`. */
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { QueuePlace } from "./queue-place.ts";

/** The texts in a job. */
export interface JobTexts {
  readonly data: string;
  /** The consumer's error, result and stack. */
  readonly further: string;
}

export interface ForgetJobsOptions {
  readonly place: QueuePlace;
  readonly queue: string;
  readonly concerns: (texts: JobTexts) => boolean | Promise<boolean>;
  /** Whether ids stay remembered, so that a report that comes again is a duplicate as before. */
  readonly keepIds: boolean;
  /** The states in which a job is removed; jobs in other states are left. */
  readonly done: readonly Place[];
  readonly dryRun: boolean;
}

export interface ForgottenJobs {
  /** By state. */
  readonly removed: Readonly<Record<string, number>>;
  readonly left: Readonly<Record<string, number>>;
}

/** BullMQ keeps the ids of jobs in lists, and in sets with scores. */
const LISTS = ["wait", "paused", "active"] as const;
const SETS = ["delayed", "prioritized", "waiting-children", "completed", "failed"] as const;
type Place = (typeof LISTS)[number] | (typeof SETS)[number];

export const PLACES: readonly Place[] = [...LISTS, ...SETS];
const PAGE = 200;

/** Goes through all jobs of a queue, whatever is done to it meanwhile. */
export async function forgetJobs(options: ForgetJobsOptions): Promise<ForgottenJobs> {
  const { queue: name, concerns, keepIds, done, dryRun } = options;
  const { redis, prefix } = options.place;
  const base = `${prefix}:${name}`;
  const queue = new Queue(name, { connection: redis, prefix, skipMetasUpdate: true });
  queue.on("error", () => {}); // The call that fails tells its caller.
  const removed: Record<string, number> = {};
  const left: Record<string, number> = {};

  async function remove(id: string): Promise<boolean> {
    if (dryRun) return true;
    // BullMQ would forget the report's id together with the job.
    if (keepIds) await redis.hdel(`${base}:${id}`, "deid");
    return (await queue.remove(id)) === 1;
  }

  try {
    for (const place of PLACES) {
      const ids = await idsIn(redis, base, place);
      for (let from = 0; from < ids.length; from += PAGE) {
        const page = ids.slice(from, from + PAGE);
        for (const [index, texts] of (await textsOf(redis, base, page)).entries()) {
          if (!(await concerns(texts))) continue;
          const counts = done.includes(place) && (await remove(page[index] ?? "")) ? removed : left;
          counts[place] = (counts[place] ?? 0) + 1;
        }
      }
    }
    return { removed, left };
  } finally {
    await queue.close();
  }
}

function idsIn(redis: Redis, base: string, place: Place): Promise<string[]> {
  const isList = (LISTS as readonly string[]).includes(place);
  return isList ? redis.lrange(`${base}:${place}`, 0, -1) : redis.zrange(`${base}:${place}`, 0, -1);
}

async function textsOf(redis: Redis, base: string, ids: readonly string[]): Promise<readonly JobTexts[]> {
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hmget(`${base}:${id}`, "data", "failedReason", "returnvalue", "stacktrace");
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([cause, fields]) => {
    if (cause) throw cause;
    const [data, ...further] = fields as (string | null)[];
    return { data: data ?? "", further: further.join("\n") };
  });
}

/** Removes entries of a queue's stream of events, which also holds consumers' results and errors. Gives how many. */
export async function forgetInStream(
  { redis, prefix }: QueuePlace,
  queue: string,
  concerns: (text: string) => boolean,
  dryRun: boolean,
): Promise<number> {
  const key = `${prefix}:${queue}:events`;
  const gone: string[] = [];
  for (let from = "-"; ; ) {
    const entries = await redis.xrange(key, from, "+", "COUNT", PAGE);
    for (const [id, fields] of entries) if (concerns(fields.join("\n"))) gone.push(id);
    const last = entries.at(-1);
    if (!last || entries.length < PAGE) break;
    from = `(${last[0]}`;
  }
  for (let from = 0; from < gone.length && !dryRun; from += MOST_ARGUMENTS) {
    await redis.eval(LEAVE_OUT, 1, key, ...gone.slice(from, from + MOST_ARGUMENTS));
  }
  return gone.length;
}

/** Lua takes some thousand arguments in one call. */
const MOST_ARGUMENTS = 5_000;

/** Makes the stream anew, because XDEL only marks an entry. Its bytes stay, also in Redis's file, until its block is deleted. */
const LEAVE_OUT = `
local key, gone = KEYS[1], {}
for _, id in ipairs(ARGV) do gone[id] = true end
local entries = redis.call('XRANGE', key, '-', '+')
redis.call('DEL', key)
local kept = false
for _, entry in ipairs(entries) do
  if not gone[entry[1]] then
    redis.call('XADD', key, entry[1], unpack(entry[2]))
    kept = true
  end
end
if kept then redis.call('XSETID', key, entries[#entries][1]) end
`;

const REWRITE_LOOKED_AT_MS = 100;
const REWRITE_DEADLINE_MS = 60_000;

/** Has Redis write its file anew, because the file holds every command since the last time. False when that took too long. */
export async function rewriteFile(redis: Redis): Promise<boolean> {
  const giveUpMs = performance.now() + REWRITE_DEADLINE_MS;
  let asked = false;
  while (performance.now() < giveUpMs) {
    // A rewrite that is under way began too early, and Redis refuses another one until it ends.
    asked ||= await redis.bgrewriteaof().then(
      () => true,
      () => false,
    );
    const info = await redis.info("persistence");
    if (asked && /aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info)) {
      return /aof_last_bgrewrite_status:ok/.test(info);
    }
    await new Promise((resolve) => setTimeout(resolve, REWRITE_LOOKED_AT_MS));
  }
  return false;
}
