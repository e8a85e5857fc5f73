/** Finds the Redis that the settings name, or starts one of our own. */
import type { Log } from "../monitoring/log.ts";
import type { Assignment } from "../process/cluster.ts";
import { type Releaser, within } from "../process/releasers.ts";
import type { Siblings } from "../process/siblings.ts";
import { startEmbeddedRedis } from "../queue/embedded-redis.ts";
import { type RedisPlace, redisAt, redisOf } from "../queue/redis.ts";
import type { Config } from "../settings/config.ts";
import { maskUrl } from "../settings/redis-url.ts";

export interface FindRedisOptions {
  readonly config: Config;
  readonly assignment: Assignment;
  /** Where one of our own has its data. */
  readonly directory: string;
  readonly siblings: Siblings;
  readonly log: Log;
  /** One of our own has ended with everything on its disk. */
  readonly onSettled: (redis: string) => void;
}

export interface FoundRedis {
  readonly place: RedisPlace;
  /** Where its URL stands when it is one of our own; null when it is not. */
  readonly urlFile: string | null;
}

/** How long what is under way in Redis may take at the end. */
export const REDIS_STOP_MS = 10_000;

export async function findRedis(options: FindRedisOptions, releasers: Releaser[]): Promise<FoundRedis> {
  const { config, assignment, directory, siblings, log, onSettled } = options;
  const given = assignment.redisUrl === null ? redisOf(config) : redisAt(assignment.redisUrl);
  if (given) return { place: given, urlFile: null };

  const started = await startEmbeddedRedis({ directory, onRestart: (reason) => log.redisUnreachable(reason) });
  log.embeddedRedis({
    url: maskUrl(started.url),
    urlFile: started.urlFile,
    redisPid: started.pid(),
    adopted: started.adopted,
  });
  releasers.push(async () => {
    // Ended cleanly, it has everything on its disk; that the next one has another run id means nothing then.
    const settledIn = await started.stop(REDIS_STOP_MS);
    if (settledIn !== null) onSettled(settledIn);
  });
  // The others still need it.
  releasers.push(() => within(2 * config.shutdownGraceMs + REDIS_STOP_MS, siblings.gone()));
  return { place: redisAt(started.url), urlFile: started.urlFile };
}
