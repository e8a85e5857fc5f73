/** Whether Redis has room for a replay beside new reports. */
import type { Redis } from "ioredis";
import { BOUNDS } from "../bounds/bounds.ts";
import { hearWhyNot } from "../queue/redis.ts";
import { evicts, readServer } from "../queue/redis-server.ts";

/** Gives what asks {@link noRoomIn}, and says why there is no connection where there is none. */
export function watchRoom(redis: Redis, mayEvict: boolean): () => Promise<string | null> {
  let reason = "it does not answer";
  hearWhyNot(redis, (why) => {
    reason = why;
  });
  return async () => (redis.status === "ready" ? noRoomIn(redis, mayEvict) : `Redis: ${reason}`);
}

/**
 * What a replay has to wait for before anything is added to this Redis, in words that follow "waits for"; null for
 * nothing. `mayEvict`: whether a Redis that may remove jobs is used all the same. Rejects when it does not answer.
 */
export async function noRoomIn(redis: Redis, mayEvict: boolean): Promise<string | null> {
  const server = await readServer(redis);
  const { memoryRatio } = server;
  if (!mayEvict && evicts(server))
    return `another maxmemory-policy of Redis than "${server.maxmemoryPolicy}", by which it may remove jobs`;
  if (memoryRatio !== null && memoryRatio > BOUNDS.replayMemory.value)
    return `Redis, of whose memory ${Math.round(memoryRatio * 100)} % are used`;
  return null;
}
