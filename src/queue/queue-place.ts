/** Where the queues are: which Redis, and what the names of their keys begin with. */
import type { Redis } from "ioredis";
import { type RedisPlace, withRedis } from "./redis.ts";

/** The queues behind an open connection. */
export interface QueuePlace {
  readonly redis: Redis;
  /** BullMQ's, and that of the keys that the service keeps beside its queues. */
  readonly prefix: string;
}

/** The queues where nothing is connected yet. */
export interface QueueAddress {
  readonly redis: RedisPlace;
  readonly prefix: string;
}

/** Connects, does one thing, and disconnects. Rejects with a sentence when Redis cannot be reached. */
export function withQueuePlace<T>(address: QueueAddress, use: (place: QueuePlace) => Promise<T>): Promise<T> {
  return withRedis(address.redis, (redis) => use({ redis, prefix: address.prefix }));
}
