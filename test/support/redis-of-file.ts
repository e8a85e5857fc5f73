/** A Redis for the tests of one file, a connection for each test, and keys of its own. */
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { startRedis, type TestRedis } from "./redis.ts";

export interface RedisOfFile {
  readonly server: TestRedis;
  readonly redis: Redis;
  /** One for each test: a Redis that is killed may come back with what was removed. */
  readonly prefix: string;
}

/** Call it once, at the top of the file; what it gives is filled in before each test. */
export function useRedis(): RedisOfFile {
  const used = {} as { -readonly [Name in keyof RedisOfFile]: RedisOfFile[Name] };
  let tests = 0;
  beforeAll(async () => {
    used.server = await startRedis();
  });
  afterAll(() => used.server.stop());
  beforeEach(() => {
    used.redis = connectRedis(redisAt(used.server.url));
    used.redis.on("error", () => {}); // Tests take it away on purpose.
    used.prefix = `bull${tests++}`;
  });
  afterEach(() => used.redis.disconnect());
  return used;
}
