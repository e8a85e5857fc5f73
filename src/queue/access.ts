/**
 * Whether a user of Redis has the rights that the service needs. Each queue is tried with
 * BullMQ's own step of adding a job, below that queue's keys, where no worker looks.
 *
 * (`redis.acl_check_cmd` would ask without writing, but some questions make Redis 7.0.15 crash.)
 */
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { QueuePlace } from "./queue-place.ts";
import { redisFault } from "./redis-faults.ts";

const PROBE = "mm4d-probe";
const KEPT_SECONDS = 60;
/** The keys that adding one job makes. */
const MADE = ["meta", "id", "wait", "paused", "delayed", "prioritized", "marker", "pc", "events", PROBE, `de:${PROBE}`];

/** Why no job could be added to a queue, in words; null when it can. Leaves nothing behind. */
export async function tryQueue({ redis, prefix }: QueuePlace, queue: string): Promise<string | null> {
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
    // Where adding was refused there is nothing to remove, and DEL may be refused as well.
    await redis.del(...MADE.map((key) => `${corner}:${PROBE}:${key}`)).catch(() => {});
    await probe.close();
  }
}

/** Why nothing could be kept under this name, in words; null when it can. Writes a key that expires. */
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
