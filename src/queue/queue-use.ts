/** What is on a queue: how many jobs in which state, and since when the oldest waits. Some commands, however long it is. */
import type { Redis } from "ioredis";
import type { QueueUse } from "../metrics.ts";
import { redisFault } from "./redis-faults.ts";

/** BullMQ's lists and sets of ids, oldest last. A paused queue keeps what waits in a list of its own. */
const LISTS = ["wait", "paused", "active"] as const;
const SETS = ["prioritized", "delayed", "failed", "completed"] as const;

/** Rejects when Redis does not answer, or refuses. */
export async function measureQueue(redis: Redis, prefix: string, queue: string): Promise<QueueUse> {
  const key = (part: string): string => `${prefix}:${queue}:${part}`;
  const pipeline = redis.pipeline();
  for (const list of LISTS) pipeline.llen(key(list));
  for (const set of SETS) pipeline.zcard(key(set));
  pipeline.lindex(key("wait"), -1);
  pipeline.lindex(key("paused"), -1);
  const answers = (await pipeline.exec()) ?? [];
  const [refused] = answers.flatMap(([cause]) => (cause ? [cause] : []));
  if (refused) throw new Error(`The queue "${queue}" cannot be looked at: ${redisFault(refused)}`);
  const [waiting = 0, paused = 0, active = 0, prioritized = 0, delayed = 0, failed = 0, completed = 0] = answers.map(
    ([, count]) => Number(count),
  );
  const oldest = answers.slice(LISTS.length + SETS.length).flatMap(([, id]) => (typeof id === "string" ? [id] : []));
  const made = await Promise.all(oldest.map((id) => redis.hget(key(id), "timestamp")));
  const times = made.flatMap((time) => (time === null ? [] : [Number(time)]));
  return {
    jobs: { waiting: waiting + paused + prioritized, active, delayed, failed, completed },
    oldestWaitingAt: times.length === 0 ? null : new Date(Math.min(...times)),
  };
}
