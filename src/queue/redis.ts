/**
 * The connection to Redis, set up so that nothing waits for ever. A command that has
 * no answer after {@link COMMAND_TIMEOUT_MS} is rejected; one that was under way when
 * the connection broke is rejected at once. Its caller may try again, because every
 * effect is idempotent.
 */
import { resolve } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { Redis } from "ioredis";
import { maskUrl, readRedisUrl } from "../settings/redis-url.ts";
import { brokenOff, isBroken, NO_TLS, noAnswer, redisFault, SentinelsError } from "./redis-faults.ts";
import { type RedisTlsFiles, redisTls } from "./redis-tls.ts";
import { MasterConnector } from "./sentinels.ts";

export const COMMAND_TIMEOUT_MS = 5_000;
const LONGEST_RETRY_MS = 1_000;

/** The settings that say where Redis is. */
export interface RedisSettings extends RedisTlsFiles {
  /** Null when none is set. */
  readonly redisUrl: string | null;
  readonly redisSentinels: readonly { readonly host: string; readonly port: number }[];
  /** The name by which the sentinels know the master. */
  readonly redisMaster: string;
  /** The user of the sentinels themselves; empty for the default one. */
  readonly redisSentinelUser: string;
  /** Empty for none. */
  readonly redisSentinelPassword: string;
}

/** All of them but the URL, where nothing is set. */
const PLACE = {
  redisSentinels: [],
  redisMaster: "",
  redisSentinelUser: "",
  redisSentinelPassword: "",
  redisTlsCertFile: "",
  redisTlsKeyFile: "",
  redisTlsCaFile: "",
} satisfies Omit<RedisSettings, "redisUrl">;

/**
 * Where Redis is: the server in the URL, or the master that the sentinels name. With
 * sentinels the URL tells user, password, database and TLS, and its host does not count.
 */
export interface RedisPlace extends RedisSettings {
  readonly redisUrl: string;
}

/** The Redis that the settings name; undefined when they name none. */
export function redisOf(settings: RedisSettings): RedisPlace | undefined {
  const { redisUrl, redisSentinels, redisMaster, redisSentinelUser, redisSentinelPassword } = settings;
  if (redisUrl === null && redisSentinels.length === 0) return undefined;
  return {
    redisUrl: redisUrl ?? "redis://",
    redisSentinels,
    redisMaster,
    redisSentinelUser,
    redisSentinelPassword,
    redisTlsCertFile: pathOf(settings.redisTlsCertFile),
    redisTlsKeyFile: pathOf(settings.redisTlsKeyFile),
    redisTlsCaFile: pathOf(settings.redisTlsCaFile),
  };
}

/** An absolute path, because a command that asks the service where its Redis is may run in another directory. */
function pathOf(file: string): string {
  return file === "" ? "" : resolve(file);
}

/** One server, without sentinels. */
export function redisAt(redisUrl: string): RedisPlace {
  return { ...PLACE, redisUrl };
}

/** A place in words, without passwords. */
export function describeRedis({ redisUrl, redisSentinels, redisMaster }: RedisPlace): string {
  if (redisSentinels.length === 0) return maskUrl(redisUrl);
  return `${redisMaster} by sentinels ${redisSentinels.map(({ host, port }) => `${host}:${port}`).join(", ")}`;
}

/** The options by which ioredis finds a place. Throws a sentence when the place is invalid, or its files cannot be read. */
export function connectionOptions(given: RedisPlace) {
  // A service of an older version tells less.
  const place = { ...PLACE, ...given };
  const address = readRedisUrl(place.redisUrl);
  if (!address.ok) throw new Error(`REDIS_URL ${address.error}`);
  const { host, port, tls, username, password, database, family, connectionName } = address.value;
  const secured: { readonly tls?: ConnectionOptions } = tls ? { tls: redisTls(place) } : {};
  return {
    host,
    port,
    family,
    username,
    password,
    db: database,
    ...(connectionName === "" ? {} : { connectionName }),
    ...secured,
    ...(place.redisSentinels.length === 0 ? {} : sentinelOptions(place, secured.tls)),
  };
}

function sentinelOptions(place: RedisPlace, tls: ConnectionOptions | undefined) {
  return {
    sentinels: [...place.redisSentinels],
    name: place.redisMaster,
    ...(place.redisSentinelUser === "" ? {} : { sentinelUsername: place.redisSentinelUser }),
    ...(place.redisSentinelPassword === "" ? {} : { sentinelPassword: place.redisSentinelPassword }),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: tls } : {}),
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    sentinelRetryStrategy: retryAfterMs,
    // A master that hangs does not close its connections, so the sentinels must say when another one replaces it.
    failoverDetector: true,
    Connector: MasterConnector,
  };
}

/**
 * Begins to connect, and keeps trying until `disconnect`. The event `error` says why an attempt failed.
 * Throws as {@link connectionOptions} does.
 */
export function connectRedis(place: RedisPlace): Redis {
  const redis = new Redis({
    ...connectionOptions(place),
    connectTimeout: COMMAND_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: retryAfterMs,
    reconnectOnError(error) {
      // ioredis hides a failed SELECT and goes on in database 0, where no consumer looks for the jobs.
      const elsewhere = error.message.includes("DB index is out of range");
      if (elsewhere) redis.emit("error", error);
      // A master that became a replica refuses writes. A new connection may lead to the new master.
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
  let reason = redis.options.tls ? NO_TLS : "it does not answer";
  hearWhyNot(redis, (why) => {
    reason = why;
  });
  // A command waits for the sentinels for ever, because ioredis asks them again when they name no master.
  const untold = new Promise<never>((_, reject) => {
    redis.on("error", (cause) => cause instanceof SentinelsError && reject(cause));
  });
  try {
    await Promise.race([redis.ping(), untold]).catch((cause: Error) => {
      // Redis has answered, even if it only says that this user may not PING.
      if (!cause.message.startsWith("NOPERM")) throw new Error(`Cannot reach Redis: ${reason}`);
    });
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** Calls `onReason` with the reason, in words, each time an attempt to connect fails. */
export function hearWhyNot(redis: Redis, onReason: (why: string) => void): void {
  const tls = Boolean(redis.options.tls);
  /** Whether it is connected and has received nothing yet. */
  let silent = false;
  redis.on("connect", () => {
    silent = true;
  });
  redis.on("ready", () => {
    silent = false;
  });
  redis.on("error", (cause: Error) => {
    // This is the error of an interrupted command; the connection's own error says why.
    if (cause.name === "MaxRetriesPerRequestError") return;
    onReason(silent && isBroken(cause) ? brokenOff(tls, cause.message) : (noAnswer(tls, cause) ?? redisFault(cause)));
    silent = false;
  });
  redis.on("close", () => {
    if (silent) onReason(brokenOff(tls, "closed"));
    silent = false;
  });
}
