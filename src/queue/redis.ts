/**
 * The connection to Redis, and what is to be known about the server behind it.
 *
 * Set up so that nothing waits for ever: a command that has no answer after
 * {@link COMMAND_TIMEOUT_MS} is rejected, one that was under way when the
 * connection broke at once. Whoever sent it tries again: every effect is idempotent.
 */
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { Redis } from "ioredis";
import type { Config } from "../settings/config.ts";
import { maskUrl, readRedisUrl } from "../settings/redis-url.ts";
import { brokenOff, clusterFault, isBroken, NO_TLS, noAnswer, redisFault, SentinelsError } from "./redis-faults.ts";
import { redisTls } from "./redis-tls.ts";
import { MasterConnector } from "./sentinels.ts";

export type RedisClient = Redis;

export const COMMAND_TIMEOUT_MS = 5_000;
const LONGEST_RETRY_MS = 1_000;

/** The settings that say where Redis is, but for its URL. */
const PLACE = {
  redisSentinels: [],
  redisMaster: "",
  redisSentinelUser: "",
  redisSentinelPassword: "",
  redisTlsCertFile: "",
  redisTlsKeyFile: "",
  redisTlsCaFile: "",
} satisfies Partial<Config>;

/**
 * Where Redis is: one server by its URL, or whichever the sentinels call the
 * master. Then the URL tells user, password, database and TLS, and its host nothing.
 */
export type RedisPlace = Pick<Config, keyof typeof PLACE> & {
  readonly redisUrl: string;
};

/** The Redis that the settings name; undefined when they name none. */
export function redisOf(settings: Config): RedisPlace | undefined {
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

/** A whole one, because whoever asks the service where its Redis is may be in another directory. */
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

/** What ioredis must know to find a place. Throws a sentence when the place cannot be one, or its files cannot be read. */
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
    // A master that hangs does not close its connections: the sentinels say when another one has its place.
    failoverDetector: true,
    Connector: MasterConnector,
  };
}

/**
 * Begins to connect, and keeps doing so until `disconnect`: whoever listens to `error` hears why it cannot.
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
  let reason = redis.options.tls ? NO_TLS : "it does not answer";
  hearWhyNot(redis, (why) => {
    reason = why;
  });
  // What waits for the sentinels is not broken off when they do not tell: they are asked again.
  const untold = new Promise<never>((_, reject) => {
    redis.on("error", (cause) => cause instanceof SentinelsError && reject(cause));
  });
  try {
    await Promise.race([redis.ping(), untold]).catch((cause: Error) => {
      // That this user may not PING is an answer.
      if (!cause.message.startsWith("NOPERM")) throw new Error(`Cannot reach Redis: ${reason}`);
    });
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** Hears of each attempt to connect why it failed, in words. */
export function hearWhyNot(redis: Redis, onReason: (why: string) => void): void {
  const tls = Boolean(redis.options.tls);
  /** Connected, and nothing has come over it yet. */
  let silent = false;
  redis.on("connect", () => {
    silent = true;
  });
  redis.on("ready", () => {
    silent = false;
  });
  redis.on("error", (cause: Error) => {
    // A command that was broken off; why the connection broke is told besides.
    if (cause.name === "MaxRetriesPerRequestError") return;
    onReason(silent && isBroken(cause) ? brokenOff(tls, cause.message) : (noAnswer(tls, cause) ?? redisFault(cause)));
    silent = false;
  });
  redis.on("close", () => {
    if (silent) onReason(brokenOff(tls, "closed"));
    silent = false;
  });
}

export interface RedisServer {
  /** Changes when what was stored may have been lost: another process, or another history. */
  readonly identity: string;
  readonly version: string;
  readonly role: string;
  /** Whether it is a node of a Redis Cluster: then it is of no use. */
  readonly cluster: boolean;
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
    // Managed servers behind one endpoint tell the one or the other.
    cluster: fact("cluster_enabled") === "1" || fact("redis_mode") === "cluster",
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

/**
 * A value that stands in this Redis, or in its database, for as long as what else is kept there does:
 * written once, without an expiry, by whoever comes first. Another one means that what was kept is gone, by
 * FLUSHALL say. Empty where this user may not read or write it. Rejects when Redis refuses otherwise.
 */
export async function readMark(redis: Redis, prefix: string): Promise<string> {
  const key = markKey(prefix);
  try {
    const standing = await redis.get(key);
    if (standing !== null) return standing;
    await redis.set(key, randomUUID(), "NX");
    return (await redis.get(key)) ?? "";
  } catch (cause) {
    if ((cause as Error).message.startsWith("NOPERM")) return "";
    throw cause;
  }
}

export function markKey(prefix: string): string {
  return `${prefix}:mm4d-mark`;
}

const OLDEST_VERSION = [6, 2] as const;
/** Where CONFIG is forbidden. */
const MANAGED = "of a managed Redis, in its console or parameter group";

/** Why this server must not be trusted with a queue, in sentences for the person on call. */
export function unsuitable(server: RedisServer): readonly string[] {
  const reasons: string[] = [];
  if (server.cluster) reasons.push(clusterFault("Redis"));
  if (evicts(server)) {
    reasons.push(
      `Redis may remove jobs when its memory is full: maxmemory-policy is "${server.maxmemoryPolicy}", must be "noeviction" (CONFIG SET maxmemory-policy noeviction, and in redis.conf; ${MANAGED})`,
    );
  }
  if (!server.appendOnly) {
    reasons.push(
      `Redis forgets its jobs when it restarts: appendonly is "no", must be "yes" (CONFIG SET appendonly yes, and in redis.conf; ${MANAGED})`,
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
