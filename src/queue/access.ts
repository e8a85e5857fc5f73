/**
 * Whether a user of Redis may do what the service does: tried for each queue with BullMQ's
 * own step of adding a job, in a corner of that queue's keys where nobody looks.
 *
 * (`redis.acl_check_cmd` would ask without doing. Redis 7.0.15 ends at some of the questions.)
 */
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { redisFault } from "./redis-faults.ts";

const PROBE = "mm4d-probe";
const KEPT_SECONDS = 60;
/** All that adding one job makes. */
const MADE = ["meta", "id", "wait", "paused", "delayed", "prioritized", "marker", "pc", "events", PROBE, `de:${PROBE}`];

/** Why no job could be added to a queue, in words; null when it can. Leaves nothing behind. */
export async function tryQueue(redis: Redis, prefix: string, queue: string): Promise<string | null> {
  // A queue of its own below the queue's keys: `bull:NAME:mm4d-probe:…`, which a right to `bull:NAME:*` allows as well.
  const corner = `${prefix}:${queue}`;
  const probe = new Queue(PROBE, { connection: redis, prefix: corner, skipVersionCheck: true });
  probe.on("error", () => {}); // The calls below fail.
  try {
    await probe.waitUntilReady();
    await probe.add(PROBE, {}, { jobId: PROBE, deduplication: { id: PROBE, ttl: KEPT_SECONDS * 1000 } });
    return null;
  } catch (cause) {
    return redisFault(cause as Error);
  } finally {
    // Where adding was refused nothing is to be removed, and that may be refused as well.
    await redis.del(...MADE.map((key) => `${corner}:${PROBE}:${key}`)).catch(() => {});
    await probe.close();
  }
}

/** Why what stands under keys of ours could not be kept, in words; null when it can. Writes a key that expires. */
export async function tryKeys(redis: Redis, name: string): Promise<string | null> {
  const key = `${name}:${PROBE}`;
  try {
    await redis.hset(key, "probe", "1");
    await redis.expire(key, KEPT_SECONDS);
    await redis.get(`${key}:text`);
    return null;
  } catch (cause) {
    return redisFault(cause as Error);
  }
}
