/**
 * Puts events of a replay on one queue, each once by the replay's own memory: an id is looked up, remembered and its
 * job added in one step, so that a replay which is killed at any moment and run again doubles and misses nothing. The
 * queue's own memory of ids has no part in it, because it holds these ids already.
 */
import type { Queue } from "bullmq";
import { addStandardJob } from "bullmq/dist/esm/scripts/addStandardJob-9.js";
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { KEYS } from "./add-jobs.ts";
import { ADD_AS_BULLMQ } from "./add-jobs-script.ts";
import { type EventJobsSettings, eventJob, eventJobs } from "./event-jobs.ts";
import { createOpenQueues } from "./open-queues.ts";
import type { QueuePlace } from "./queue-place.ts";
import { type Replay, replayKey } from "./replays-kept.ts";

/** What came of a batch. */
export type AddedReplayed =
  /**
   * `fresh`: of each event, in order, whether it was added now; it was before where it is false. They are fewer than
   * the batch where one could not be added, for `fault`: then nothing behind it was tried.
   */
  | {
      readonly kind: "added";
      readonly fresh: readonly boolean[];
      /** In all runs. */
      readonly published: number;
      readonly fault: Error | null;
    }
  /** So many events wait on the queue that nothing was added. */
  | { readonly kind: "full" }
  /** Nothing was added, because another process runs this replay. */
  | { readonly kind: "taken" }
  /** Redis does not know this replay any more. */
  | { readonly kind: "forgotten" };

export interface ReplayPublisher {
  /**
   * Adds events, in their order. `receivedAt`: of the last of them. Rejects when it is not known what came of it:
   * harmless to repeat.
   */
  add(events: readonly DeliveryEvent[], receivedAt: string): Promise<AddedReplayed>;
  close(): Promise<void>;
}

export interface ReplayPublisherOptions {
  readonly place: QueuePlace;
  readonly replay: Pick<Replay, "name" | "id" | "holder"> & { readonly queue: string };
  readonly settings: EventJobsSettings & { readonly streamKeepCount: number };
  /** While more events wait on the queue, none is added. */
  readonly mostWaiting: number;
}

type Script = (args: readonly string[]) => Promise<readonly (string | number | Error)[]>;

/** The id of an event's job, which differs from that of every other job of this event. */
export function replayedJobId({ name, id }: Pick<Replay, "name" | "id">, event: DeliveryEvent): string {
  return `replay-${name}-${id}-${event.id}`;
}

export function createReplayPublisher(options: ReplayPublisherOptions): ReplayPublisher {
  const { place, replay, settings, mostWaiting } = options;
  const { redis, prefix } = place;
  const jobs = eventJobs(settings);
  const key = replayKey(prefix, replay.name);
  // The call that fails reports it.
  const queues = createOpenQueues({ redis, prefix, streamKeepCount: settings.streamKeepCount, onError: () => {} });
  redis.defineCommand("addReplayed", { numberOfKeys: addStandardJob.keys + 2, lua: ADD_REPLAYED });
  const addReplayed = (redis as unknown as { addReplayed: Script }).addReplayed.bind(redis);

  function argsOf(queue: Queue, events: readonly DeliveryEvent[], receivedAt: string): readonly string[] {
    const made = events.map((event) => ({ event, ...eventJob({ id: replayedJobId(replay, event), event }, jobs) }));
    const now = new Date();
    const head = {
      queueKey: queue.toKey(""),
      timestamp: String(now.getTime()),
      holder: replay.holder,
      most: mostWaiting,
      keptMs: BOUNDS.replayRemembered.value,
      place: receivedAt,
      at: now.toISOString(),
      options: [jobs.ordinary, jobs.large],
      jobs: made.map(({ event, id, name, options }) => [event.id, id, name, options === jobs.large ? 2 : 1]),
    };
    return [...KEYS.map(queue.toKey), key, `${key}:ids`, JSON.stringify(head), ...made.map(({ data }) => data)];
  }

  return {
    async add(events, receivedAt) {
      const queue = await queues.open(replay.queue, jobs.ordinary);
      const [kind, count, ...ends] = await addReplayed(argsOf(queue, events, receivedAt));
      if (kind === "taken" || kind === "forgotten" || kind === "full") return { kind };
      const last = ends.at(-1);
      const fault = last instanceof Error ? last : null;
      const fresh = (fault === null ? ends : ends.slice(0, -1)).map((end) => end === 1);
      return { kind: "added", fresh, published: Number(count), fault };
    },
    close: queues.close,
  };
}

/**
 * KEYS: those of BullMQ's script, the replay, its ids. ARGV: the head, and the data of each job.
 *
 * An id is remembered before its job is added, because a Redis without memory refuses the first thing that a script
 * writes, and nothing behind it. Where the job fails all the same, the id goes again, and what is behind it waits, for
 * the order of receipt.
 */
const ADD_REPLAYED = `
${ADD_AS_BULLMQ}
local head = cjson.decode(ARGV[1])
local replay, ids = KEYS[10], KEYS[11]
local holder = redis.call('HGET', replay, 'holder')
if not holder then return {'forgotten', 0} end
if holder ~= head.holder then return {'taken', 0} end
local waiting = redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[2])
if waiting >= head.most then return {'full', 0} end
local ends, added = {}, 0

-- Before Redis 7 what was wrong is a text.
local function asError(why) return type(why) == 'table' and why or {err = tostring(why)} end

local function add(at)
  local eventId, jobId, name, place = unpack(head.jobs[at])
  if redis.call('SADD', ids, eventId) == 0 then return 0 end
  local options = head.options[place]
  options.jobId = jobId
  local args = {[1] = head.queueKey, [2] = jobId, [3] = name, [4] = head.timestamp}
  local done, id = pcall(addAsBullMQ, KEYS, {args, ARGV[at + 1], options})
  if done and id == jobId then return 1 end
  redis.call('SREM', ids, eventId)
  error(done and 'BullMQ did not add the job: ' .. tostring(id) or id, 0)
end

for at = 1, #head.jobs do
  local done, result = pcall(add, at)
  ends[at] = done and result or asError(result)
  if not done then break end
  added = added + result
end
local published = redis.call('HGET', replay, 'published')
if #ends > 0 and type(ends[1]) == 'number' then
  published = redis.call('HINCRBY', replay, 'published', added)
  redis.call('HSET', replay, 'place', head.place, 'at', head.at, 'state', 'running', 'why', '')
  redis.call('PEXPIRE', replay, head.keptMs)
  redis.call('PEXPIRE', ids, head.keptMs)
end
return {'added', published, unpack(ends)}
`;
