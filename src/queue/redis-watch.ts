/**
 * Watches the Redis behind a connection: whether it answers, which one it is,
 * whether it takes writes. It asks once a second, so that nothing waits for a
 * command in order to find out.
 */
import type { QueuePlace } from "./queue-place.ts";
import { hearWhyNot } from "./redis.ts";
import { clusterFault, redisFault } from "./redis-faults.ts";
import { evicts, type RedisServer, readServer, unsuitable } from "./redis-server.ts";
import { watchWrites } from "./redis-writes.ts";

export interface RedisWatchOptions {
  readonly place: QueuePlace;
  /** Whether a Redis that may evict jobs is refused. */
  readonly refuseEviction: boolean;
  /** Called once for each outage; `onBack` once when it is over. */
  readonly onAway: (reason: string) => void;
  readonly onBack: (server: RedisServer) => void;
  /** Called each time the reasons change for which the server is not fit for a queue. Without reasons it is fit. */
  readonly onSuitability: (reasons: readonly string[]) => void;
  /** Called when the content of Redis is gone: removed, or lost by a restart. */
  readonly onEmptied: () => void;
  /**
   * Called after each look with the Redis and its content; null while there is none that takes writes. Not while an
   * earlier call is under way, which holds up no look. A rejection goes to `onError`.
   */
  readonly onTick: (identity: string | null) => Promise<void>;
  readonly onError: (cause: Error) => void;
}

export interface RedisWatch {
  state(): {
    readonly awayMs: number | null;
    readonly fault: string | null;
    readonly unsuitable: readonly string[];
    /** Used memory as a part of maxmemory; null without a limit, and while Redis is away. */
    readonly memoryRatio: number | null;
    /** When it took the last write that was tried; null when it never has. */
    readonly writtenAt: Date | null;
    /** Whether it is away because it is a node of a Redis Cluster. */
    readonly cluster: boolean;
  };
  /** Why no job may be queued now; null when jobs may. A Redis that was not looked at yet is not trusted. */
  refusal(): string | null;
  stop(): Promise<void>;
}

const TICK_MS = 1_000;

export function watchRedis({
  place,
  refuseEviction,
  onAway,
  onBack,
  onSuitability,
  onEmptied,
  onTick,
  onError,
}: RedisWatchOptions): RedisWatch {
  const { redis } = place;
  let stopping = false;
  let wake = (): void => {};
  let server: RedisServer | null = null;
  let awaySinceMs = performance.now();
  let told = false;
  let reason = "it has not answered yet";
  let reasons: readonly string[] = [];
  const writes = watchWrites(place, onEmptied);

  hearWhyNot(redis, (why) => {
    reason = why;
    // Before the first connection there is no event `close`.
    if (server === null) away(reason);
  });
  redis.on("close", () => away(reason));
  // At once, because relays wait until the new connection was looked at.
  redis.on("ready", () => void look());

  function away(why: string): void {
    if (stopping) return;
    reason = why;
    if (server !== null) awaySinceMs = performance.now();
    server = null;
    writes.probeAgain();
    if (told) return;
    told = true;
    onAway(why);
  }

  function current(): RedisServer | null {
    return server;
  }

  const look = oneAtATime(lookOnce);
  // None of them holds up a look: it may wait for the disk, or for Redis to take much.
  const tick = oneAtATime(() => {
    const trusted = current();
    return onTick(trusted && writes.identityToTrust(trusted)).catch(onError);
  });

  async function lookOnce(): Promise<void> {
    if (redis.status !== "ready") return;
    let seen: RedisServer;
    try {
      seen = await readServer(redis);
    } catch (cause) {
      // The error of an interrupted command is useless; the connection's own says why.
      away((cause as Error).name === "MaxRetriesPerRequestError" ? reason : redisFault(cause as Error));
      // The connection may be dead without our knowing, as behind a firewall that forgot it. A new one shows that.
      connectAnew();
      return;
    }
    if (seen.cluster) {
      // A new connection shows whether a Redis without cluster mode has this address by now.
      away(clusterFault());
      connectAnew();
      return;
    }
    if (seen.role !== "" && seen.role !== "master") {
      // A new connection leads to the present master, by the sentinels or by its name.
      away("it is a read-only replica");
      connectAnew();
      return;
    }
    if (server === null) onBack(seen);
    server = seen;
    told = false;
    reason = "the connection was closed";
    const found = unsuitable(seen);
    if (found.join() !== reasons.join()) onSuitability(found);
    reasons = found;
  }

  /** Breaks off a ready connection only. One that is being made would end for ever (ioredis 5.11). */
  function connectAnew(): void {
    if (redis.status === "ready") redis.disconnect(true);
  }

  /** Resolves a second later, or as soon as there is a connection again. */
  function nextTick(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        redis.off("ready", end);
        resolve();
      };
      const timer = setTimeout(end, TICK_MS);
      redis.once("ready", end);
      wake = end;
    });
  }

  const loop = (async () => {
    let ticked = Promise.resolve();
    while (!stopping) {
      await look();
      if (current() !== null) await writes.probe();
      const marked = current();
      if (marked !== null) await writes.lookAtMark(marked);
      ticked = tick();
      if (!stopping) await nextTick();
    }
    await ticked;
  })();

  return {
    state: () => ({
      awayMs: server === null ? performance.now() - awaySinceMs : null,
      fault: server === null ? reason : writes.fault(),
      unsuitable: reasons,
      memoryRatio: server?.memoryRatio ?? null,
      writtenAt: writes.writtenAt(),
      cluster: server === null && reason === clusterFault(),
    }),
    refusal() {
      const seen = current();
      if (seen === null) return `Redis is away: ${reason}`;
      if (refuseEviction && evicts(seen))
        return `Redis may remove jobs: its maxmemory-policy is ${seen.maxmemoryPolicy}`;
      return null;
    },
    async stop() {
      stopping = true;
      wake();
      await loop;
    },
  };
}

/** While a call is under way, another one gets what that gives. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  return () => {
    underWay ??= work().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
