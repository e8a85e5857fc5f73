/** One look at a Redis, for a person who wants to know whether it is fit for a queue. */
import type { Redis } from "ioredis";
import { type RedisServer, readServer, writeProbe } from "./redis.ts";

export interface CheckUp {
  readonly server: RedisServer;
  readonly answeredInMs: number;
  /** In its database, ours and others'. */
  readonly keys: number;
  /** How far its clock is from ours, in milliseconds. */
  readonly clockApartMs: number;
  readonly wroteInMs: number;
}

/** Writes one key, which expires. Rejects when Redis refuses or does not answer. */
export async function checkUp(redis: Redis, prefix: string): Promise<CheckUp> {
  const askedMs = performance.now();
  const server = await readServer(redis);
  const answeredInMs = Math.round(performance.now() - askedMs);
  const keys = await redis.dbsize();
  const [seconds, microseconds] = await redis.time();
  const clockApartMs = Math.round(Math.abs(Number(seconds) * 1000 + Number(microseconds) / 1000 - Date.now()));
  const beganMs = performance.now();
  await writeProbe(redis, prefix);
  return { server, answeredInMs, keys, clockApartMs, wroteInMs: Math.round(performance.now() - beganMs) };
}
