/** What a Redis says about itself, and whether it is fit for a queue. */
import type { Redis } from "ioredis";
import { clusterFault } from "./redis-faults.ts";

export interface RedisServer {
  /** Changes with the process and with its replication history: then stored jobs may be lost. */
  readonly identity: string;
  readonly version: string;
  readonly role: string;
  /** Whether it is a node of a Redis Cluster, which cannot be used. */
  readonly cluster: boolean;
  /** Must be `noeviction`: any other policy may remove jobs. */
  readonly maxmemoryPolicy: string;
  readonly appendOnly: boolean;
  /** Whether the last write to the append-only file succeeded. */
  readonly appendOnlyWritten: boolean;
  /** Used memory as a part of maxmemory; null without a limit. */
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
    // Managed servers behind one endpoint tell only one of the two.
    cluster: fact("cluster_enabled") === "1" || fact("redis_mode") === "cluster",
    maxmemoryPolicy: fact("maxmemory_policy"),
    appendOnly: fact("aof_enabled") === "1",
    appendOnlyWritten: fact("aof_last_write_status") !== "err",
    memoryRatio: maxMemory > 0 ? Number(fact("used_memory")) / maxMemory : null,
  };
}

const OLDEST_VERSION = [6, 2] as const;
/** For services that forbid CONFIG. */
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

/** Whether it may evict jobs. Then nothing in it counts as stored, until its policy is mended. */
export function evicts({ maxmemoryPolicy }: RedisServer): boolean {
  // Some hosted servers do not tell their policy.
  return maxmemoryPolicy !== "" && maxmemoryPolicy !== "noeviction";
}

function isTooOld(version: string): boolean {
  const [major, minor] = OLDEST_VERSION;
  const [, first, second] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (first === undefined) return false;
  return Number(first) < major || (Number(first) === major && Number(second) < minor);
}
