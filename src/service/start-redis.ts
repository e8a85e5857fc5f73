/** Finds the Redis that the settings name, or starts one of our own; and watches it. */
import type { Log } from "../monitoring/log.ts";
import type { Outages } from "../monitoring/outages.ts";
import type { Assignment } from "../process/cluster.ts";
import { type Releaser, within } from "../process/releasers.ts";
import type { Siblings } from "../process/siblings.ts";
import { startEmbeddedRedis } from "../queue/embedded-redis.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { describeRedis, type RedisPlace, redisAt, redisOf } from "../queue/redis.ts";
import { type RedisWatch, watchRedis } from "../queue/redis-watch.ts";
import type { Config } from "../settings/config.ts";
import { maskUrl } from "../settings/redis-url.ts";
import type { Emptied } from "./upkeep.ts";

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

export interface BeginRedisWatchOptions {
  readonly config: Config;
  readonly place: RedisPlace;
  readonly queuePlace: QueuePlace;
  readonly outages: Outages;
  readonly log: Log;
  readonly emptied: Emptied;
  /** A journal knows that Redis was emptied also when that was done while no process looked. */
  readonly hasJournal: boolean;
  readonly onTick: (identity: string | null) => Promise<void>;
}

/** A hung disk holds the last look at the journal for so long at most. */
const LAST_LOOK_MS = 10_000;

export function beginRedisWatch(options: BeginRedisWatchOptions, releasers: Releaser[]): RedisWatch {
  const { config, place, queuePlace, outages, log, emptied, hasJournal, onTick } = options;
  const watch = watchRedis({
    place: queuePlace,
    refuseEviction: config.redisChecks === "enforce",
    onAway: outages.redis.begin,
    onBack: ({ version }) => outages.redisBack({ redis: describeRedis(place), version }),
    onSuitability: (reasons) =>
      reasons.length > 0 ? log.redisUnsuitable(reasons, config.redisChecks === "warn") : log.redisSuitable(),
    onEmptied: () => hasJournal || emptied.found(),
    onTick,
    onError: (cause) => log.journalFault("unattended", { reason: cause.message }),
  });
  releasers.push(() => within(LAST_LOOK_MS, watch.stop()));
  return watch;
}
