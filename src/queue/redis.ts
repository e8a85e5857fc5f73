/**
 * The connection to Redis, and what is to be known about the server behind it.
 *
 * Set up so that nothing waits for ever: a command that has no answer after
 * {@link COMMAND_TIMEOUT_MS} is rejected, one that was under way when the
 * connection broke at once. Whoever sent it tries again: every effect is idempotent.
 */
import { Redis, SentinelConnector } from "ioredis";
import { type Config, maskUrl } from "../config.ts";

export type RedisClient = Redis;

export const COMMAND_TIMEOUT_MS = 5_000;
const LONGEST_RETRY_MS = 1_000;

/**
 * Where Redis is: one server by its URL, or whichever the sentinels call the
 * master. Then the URL tells user, password, database and TLS, and its host nothing.
 */
export type RedisPlace = Pick<Config, "redisSentinels" | "redisMaster" | "redisSentinelPassword"> & {
  readonly redisUrl: string;
};

/** The Redis that the settings name; undefined when they name none. */
export function redisOf(settings: Config): RedisPlace | undefined {
  const { redisUrl, redisSentinels, redisMaster, redisSentinelPassword } = settings;
  if (redisUrl === null && redisSentinels.length === 0) return undefined;
  return { redisUrl: redisUrl ?? "redis://", redisSentinels, redisMaster, redisSentinelPassword };
}

/** One server, without sentinels. */
export function redisAt(redisUrl: string): RedisPlace {
  return { redisUrl, redisSentinels: [], redisMaster: "", redisSentinelPassword: "" };
}

/** A place in words, without passwords. */
export function describeRedis({ redisUrl, redisSentinels, redisMaster }: RedisPlace): string {
  if (redisSentinels.length === 0) return maskUrl(redisUrl);
  return `${redisMaster} by sentinels ${redisSentinels.map(({ host, port }) => `${host}:${port}`).join(", ")}`;
}

/** What ioredis must know to find a place, beside the URL. */
export function sentinelOptions(place: RedisPlace) {
  if (place.redisSentinels.length === 0) return {};
  const tls = place.redisUrl.startsWith("rediss:");
  return {
    sentinels: [...place.redisSentinels],
    name: place.redisMaster,
    ...(place.redisSentinelPassword === "" ? {} : { sentinelPassword: place.redisSentinelPassword }),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    sentinelRetryStrategy: retryAfterMs,
    // A master that hangs does not close its connections: the sentinels say when another one has its place.
    failoverDetector: true,
    Connector: MasterConnector,
  };
}

/**
 * ioredis's own, but what listens for a failover ends with the connection that it watches. ioredis 5.11 leaves it
 * listening: told of the new master while a sentinel is being asked for it, it breaks the question off, and
 * ioredis takes that for a wish to end for ever.
 */
class MasterConnector extends SentinelConnector {
  override connect(...args: Parameters<SentinelConnector["connect"]>): ReturnType<SentinelConnector["connect"]> {
    // biome-ignore lint/complexity/useLiteralKeys: TypeScript gives access to what is private only so.
    (this["failoverDetector"] as { cleanup(): void } | null)?.cleanup();
    return super.connect(...args);
  }
}

/** Begins to connect, and keeps doing so until `disconnect`. Never throws: whoever listens to `error` hears why. */
export function connectRedis(place: RedisPlace): Redis {
  const redis = new Redis(place.redisUrl, {
    ...sentinelOptions(place),
    connectTimeout: COMMAND_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: retryAfterMs,
    reconnectOnError(error) {
      // ioredis keeps a failed SELECT to itself, and goes on in database 0: the jobs would be where nobody looks.
      const elsewhere = error.message.includes("DB index is out of range");
      if (elsewhere) redis.emit("error", error);
      // A master that became a replica refuses writes until somebody connects anew, perhaps to another one.
      return elsewhere || error.message.startsWith("READONLY");
    },
  });
  return redis;
}

function retryAfterMs(times: number): number {
  return Math.min(times * 100, LONGEST_RETRY_MS);
}

/** Connects, does one thing, and disconnects. Rejects with a sentence when Redis cannot be reached. */
export async function withRedis<T>(place: RedisPlace, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = connectRedis(place);
  let reason = "it does not answer";
  redis.on("error", (cause: Error) => {
    reason = cause.message;
  });
  try {
    await redis.ping().catch(() => {
      throw new Error(`Cannot reach Redis: ${reason}`);
    });
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

export interface RedisServer {
  /** Changes when what was stored may have been lost: another process, or another history. */
  readonly identity: string;
  readonly version: string;
  readonly role: string;
  /** Must be `noeviction`: any other policy may remove jobs. */
  readonly maxmemoryPolicy: string;
  readonly appendOnly: boolean;
  /** Whether the append-only file could be written when it was written last. */
  readonly appendOnlyWritten: boolean;
  /** Used memory of maxmemory; null without a limit. */
  readonly memoryRatio: number | null;
}

/** Asks the server about itself. Rejects when it does not answer. */
export async function readServer(redis: Redis): Promise<RedisServer> {
  const facts = new Map(
    (await redis.info()).split("\n").map((line) => {
      const [name = "", ...value] = line.trim().split(":");
      return [name, value.join(":")] as const;
    }),
  );
  const fact = (name: string): string => facts.get(name) ?? "";
  const maxMemory = Number(fact("maxmemory"));
  return {
    identity: `${fact("run_id")} ${fact("master_replid")}`,
    version: fact("valkey_version") || fact("redis_version"),
    role: fact("role"),
    maxmemoryPolicy: fact("maxmemory_policy"),
    appendOnly: fact("aof_enabled") === "1",
    appendOnlyWritten: fact("aof_last_write_status") !== "err",
    memoryRatio: maxMemory > 0 ? Number(fact("used_memory")) / maxMemory : null,
  };
}

const PROBE_KEPT_SECONDS = 60;

/** Writes one key, which expires, to see whether writes are taken. */
export async function writeProbe(redis: Redis, prefix: string): Promise<void> {
  await redis.set(`${prefix}:mm4d-probe`, String(Date.now()), "EX", PROBE_KEPT_SECONDS);
}

const OLDEST_VERSION = [6, 2] as const;

/** Why this server must not be trusted with a queue, in sentences for the person on call. */
export function unsuitable(server: RedisServer): readonly string[] {
  const reasons: string[] = [];
  if (evicts(server)) {
    reasons.push(
      `Redis may remove jobs when its memory is full: maxmemory-policy is "${server.maxmemoryPolicy}", must be "noeviction" (CONFIG SET maxmemory-policy noeviction, and in redis.conf; of a managed Redis, in its parameters)`,
    );
  }
  if (!server.appendOnly) {
    reasons.push(
      'Redis forgets its jobs when it restarts: appendonly is "no", must be "yes" (CONFIG SET appendonly yes, and in redis.conf; of a managed Redis, in its parameters)',
    );
  }
  if (isTooOld(server.version)) {
    reasons.push(`Redis is too old: its version is "${server.version}", must be ${OLDEST_VERSION.join(".")} or newer`);
  }
  return reasons;
}

/** Whether jobs may vanish from it. Nothing that stands there is stored, until its policy is mended. */
export function evicts({ maxmemoryPolicy }: RedisServer): boolean {
  // Some hosted servers do not tell.
  return maxmemoryPolicy !== "" && maxmemoryPolicy !== "noeviction";
}

function isTooOld(version: string): boolean {
  const [major, minor] = OLDEST_VERSION;
  const [, first, second] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (first === undefined) return false;
  return Number(first) < major || (Number(first) === major && Number(second) < minor);
}
