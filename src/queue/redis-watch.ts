/**
 * Watches the Redis behind a connection: whether it answers, which one it is,
 * whether it takes writes. Asks once a second, so that nothing waits for a
 * command to find out.
 */
import type { QueuePlace } from "./queue-place.ts";
import { hearWhyNot } from "./redis.ts";
import { clusterFault, redisFault } from "./redis-faults.ts";
import { readMark, writeProbe } from "./redis-probe.ts";
import { evicts, type RedisServer, readServer, unsuitable } from "./redis-server.ts";

export interface RedisWatchOptions {
  readonly place: QueuePlace;
  /** Whether nothing may be put on a queue from which Redis may evict jobs. */
  readonly refuseEviction: boolean;
  /** Once for each outage, and once when it is over. */
  readonly onAway: (reason: string) => void;
  readonly onBack: (server: RedisServer) => void;
  /** When the server turns out not to be fit for a queue, or fit after all (no reasons): each time that changes. */
  readonly onSuitability: (reasons: readonly string[]) => void;
  /** What was kept in Redis is gone: removed, or lost by a restart. */
  readonly onEmptied: () => void;
  /** After each look: which Redis is there, and which content, null while there is none that takes writes. A rejection is given to `onError`. */
  readonly onTick: (identity: string | null) => Promise<void>;
  readonly onError: (cause: Error) => void;
}

export interface RedisWatch {
  state(): {
    readonly awayMs: number | null;
    readonly fault: string | null;
    readonly unsuitable: readonly string[];
    /** Used memory of maxmemory; null without a limit, and while Redis is away. */
    readonly memoryRatio: number | null;
    /** When it took the last write that was tried; null when it never has. */
    readonly writtenAt: Date | null;
    /** Whether it is away because it is a node of a Redis Cluster. */
    readonly cluster: boolean;
  };
  /** Why nothing may be put on a queue now; null when it may. A Redis that was not looked at yet is not trusted. */
  refusal(): string | null;
  stop(): Promise<void>;
}

const TICK_MS = 1_000;
const PROBE_EVERY_MS = 5_000;

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
  let writeFault: string | null = null;
  let probedMs = Number.NEGATIVE_INFINITY;
  let writtenAt: Date | null = null;
  /** What was found of the mark; null before. */
  let marked: { readonly identity: string; readonly mark: string } | null = null;
  /** The last one that was found; empty before. */
  let lastMark = "";

  hearWhyNot(redis, (why) => {
    reason = why;
    // Before there was a connection none can be closed.
    if (server === null) away(reason);
  });
  redis.on("close", () => away(reason));
  // At once: what waits for a look at the new connection is what relays wait for.
  redis.on("ready", () => void look());

  function away(why: string): void {
    if (stopping) return;
    reason = why;
    if (server !== null) awaySinceMs = performance.now();
    server = null;
    probedMs = Number.NEGATIVE_INFINITY;
    if (told) return;
    told = true;
    onAway(why);
  }

  function current(): RedisServer | null {
    return server;
  }

  /** What a Redis took that cannot write is in its memory only: nothing becomes safe by its being there. */
  function identityToTrust(): string | null {
    const seen = current();
    if (!seen?.appendOnlyWritten || writeFault !== null || marked?.identity !== seen.identity) return null;
    return marked.mark === "" ? seen.identity : `${seen.identity} ${marked.mark}`;
  }

  let looking: Promise<void> | undefined;
  function look(): Promise<void> {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function lookOnce(): Promise<void> {
    if (redis.status !== "ready") return;
    let seen: RedisServer;
    try {
      seen = await readServer(redis);
    } catch (cause) {
      // That a broken connection broke a command off tells nothing; why it broke does.
      away((cause as Error).name === "MaxRetriesPerRequestError" ? reason : redisFault(cause as Error));
      // The connection may be dead without our knowing, as behind a firewall that forgot it: a new one tells.
      connectAnew();
      return;
    }
    if (seen.cluster) {
      // Should its address be given to a Redis of its own meanwhile, that is learnt by connecting anew.
      away(clusterFault());
      connectAnew();
      return;
    }
    if (seen.role !== "" && seen.role !== "master") {
      // Who is master now is learnt by connecting anew: from the sentinels, or where the name points to by then.
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

  /** Only a connection that stands: breaking off one that is being made ends it for ever (ioredis 5.11). */
  function connectAnew(): void {
    if (redis.status === "ready") redis.disconnect(true);
  }

  /** Read at each look, because what was queued since it was removed is what is lost otherwise. */
  async function lookAtMark(): Promise<void> {
    const seen = current();
    if (seen === null) return;
    try {
      const mark = await readMark(place);
      if (lastMark !== "" && mark !== "" && mark !== lastMark) onEmptied();
      if (mark !== "") lastMark = mark;
      marked = { identity: seen.identity, mark };
    } catch {
      // Redis refuses writes, or is away by now: the probe, or the next look, says which.
      marked = null;
    }
  }

  /** Redis may answer and still refuse writes: no memory, or a failed disk. */
  async function probe(): Promise<void> {
    if (current() === null || performance.now() - probedMs < PROBE_EVERY_MS) return;
    probedMs = performance.now();
    writeFault = await writeProbe(place).then(() => {
      writtenAt = new Date();
      return null;
    }, redisFault);
  }

  /** A second later, or as soon as there is a connection again. */
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
    while (!stopping) {
      await look();
      await probe();
      await lookAtMark();
      await onTick(identityToTrust()).catch(onError);
      if (!stopping) await nextTick();
    }
  })();

  return {
    state: () => ({
      awayMs: server === null ? performance.now() - awaySinceMs : null,
      fault: server === null ? reason : writeFault,
      unsuitable: reasons,
      memoryRatio: server?.memoryRatio ?? null,
      writtenAt,
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
