/** The outages of the service itself: each is told once when it begins, and once when it is over. */
import type { JournalUse, Log } from "./log.ts";
import { createOutage, type Outage } from "./outage.ts";

export interface Outages {
  readonly redis: Pick<Outage<string>, "begin">;
  /** Redis answers again, or for the first time. */
  redisBack(server: ConnectedRedis): void;
  readonly drain: Outage<() => DrainTrouble>;
  readonly queue: Outage<Error>;
  readonly disk: Outage<Error>;
  readonly journalFull: Outage<JournalUse>;
  stop(): void;
}

export interface ConnectedRedis {
  /** Where it is, without its password. */
  readonly redis: string;
  readonly version: string;
}

/** As it is when it is told. */
export interface DrainTrouble {
  readonly cause: Error;
  /** How many records wait. */
  readonly waiting: number;
}

/** At a start the drain is there before Redis is. */
const DRAIN_PATIENCE_MS = 2_000;

export function createOutages(log: Log): Outages {
  let connected: ConnectedRedis = { redis: "", version: "" };
  const outages = {
    redis: createOutage<string>({
      onBegin: (reason) => log.redisUnreachable(reason),
      onEnd: (outage) => log.redisConnected({ ...connected, ...outage }),
    }),
    drain: createOutage<() => DrainTrouble>({
      patienceMs: DRAIN_PATIENCE_MS,
      // By then it may be known better: at a start Redis has not been looked at yet.
      onBegin(trouble) {
        const { cause, waiting } = trouble();
        log.drainFailed(cause, waiting);
      },
      onEnd: (outage) => log.drainRecovered({ ...outage }),
    }),
    queue: createOutage<Error>({
      onBegin: (cause) => log.queueFailed(cause),
      onEnd: (outage) => log.queueRecovered({ ...outage }),
    }),
    disk: createOutage<Error>({
      onBegin: (cause) => log.journalFault("append-failed", { reason: cause.message }),
      onEnd: (outage) => log.journalRecovered({ ...outage }),
    }),
    journalFull: createOutage<JournalUse>({
      onBegin: (use) => log.journalFull(use),
      onEnd: (outage) => log.journalRecovered({ ...outage }),
    }),
  };
  return {
    ...outages,
    redisBack(server) {
      connected = server;
      if (!outages.redis.end()) log.redisConnected({ ...server });
    },
    stop() {
      for (const outage of Object.values(outages)) outage.stop();
    },
  };
}
