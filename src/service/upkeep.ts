/** What is looked after once a second, with the Redis that is there. */
import type { Drain } from "../flow/drain.ts";
import type { Journal, JournalStatus } from "../journal/journal.ts";
import type { Log } from "../monitoring/log.ts";
import type { Outages } from "../monitoring/outages.ts";
import { measureQuarantine } from "../quarantine/measure.ts";
import type { QuarantineContents, QuarantineRoom } from "../quarantine/room.ts";
import type { QueuePlace } from "../queue/queue-place.ts";

export interface UpkeepOptions {
  readonly log: Log;
  /** Files of this process are counted. */
  readonly lookAtFiles: () => void;
  /** Never rejects, and is not waited for. */
  readonly lookAtArchive: () => Promise<void>;
  readonly journalWatch: JournalWatch | null;
  readonly flushTrace: () => Promise<void>;
  /** What is in Redis, each looked at every 5 s. */
  readonly looks: readonly (() => Promise<void>)[];
  /** Tells of reasons that have come or gone. */
  readonly tellReasons: () => Promise<void>;
  readonly journalStatus: () => JournalStatus;
  readonly isFullForAll: (use: JournalStatus) => boolean;
  readonly journalFull: Outages["journalFull"];
}

/** How often the queues are looked at. */
export const QUEUES_SEEN_EVERY_MS = 5_000;

/** Gives what is done once a second; `identity` is of the Redis that is there, null while there is none that takes writes. */
export function createUpkeep(options: UpkeepOptions): (identity: string | null) => Promise<void> {
  const { log, journalWatch, journalFull } = options;
  let seenMs = Number.NEGATIVE_INFINITY;
  let full = false;

  /** One that cannot be looked at keeps none of the others from it. */
  async function lookAll(): Promise<void> {
    for (const look of options.looks) await look().catch((cause: Error) => log.redisError(cause));
  }

  return async (identity) => {
    options.lookAtFiles();
    void options.lookAtArchive();
    await journalWatch?.look(identity);
    if (identity !== null) await options.flushTrace().catch((cause: Error) => log.redisError(cause));
    if (identity !== null && performance.now() - seenMs >= QUEUES_SEEN_EVERY_MS) {
      seenMs = performance.now();
      await lookAll();
      await options.tellReasons();
    }
    const status = options.journalStatus();
    const wasFull = full;
    full = options.isFullForAll(status);
    if (full && !wasFull) journalFull.begin(status);
    if (!full && wasFull) journalFull.end();
  };
}

export interface JournalWatch {
  /** Tells the journal which Redis is there, and publishes again what that may not have. */
  look(identity: string | null): Promise<void>;
  /** Whether the journal knows which Redis it is drained into; before that, nothing is. */
  isReady(): boolean;
}

export interface JournalWatchOptions {
  readonly journal: Pick<Journal, "tellRedis">;
  readonly drain: () => Pick<Drain, "publishAgain">;
  readonly log: Log;
  readonly onEmptied: () => void;
}

export function watchJournal({ journal, drain, log, onEmptied }: JournalWatchOptions): JournalWatch {
  /** Whether what has not settled is still to be published again. */
  let again = false;
  let ready = false;
  return {
    async look(identity) {
      const news = await journal.tellRedis(identity);
      again ||= news.again;
      if (news.emptied) onEmptied();
      else if (news.again) log.redisChanged();
      ready ||= identity !== null;
      if (!again || identity === null) return;
      again = false;
      void drain()
        .publishAgain()
        .catch((cause: Error) => {
          again = true;
          log.journalFault("unreadable", { reason: cause.message });
        });
    },
    isReady: () => ready,
  };
}

/** When what was kept in Redis was last found to be gone. */
export interface Emptied {
  found(): void;
  /** Null when it never was. */
  at(): Date | null;
}

export function createEmptied(log: Log): Emptied {
  let emptiedAt: Date | null = null;
  return {
    found() {
      emptiedAt = new Date();
      log.redisEmptied();
    },
    at: () => emptiedAt,
  };
}

/** Gives what measures the quarantine. What is known from the last time is not asked again. */
export function lookAtQuarantine(place: QueuePlace, room: QuarantineRoom): () => Promise<void> {
  let contents: QuarantineContents = new Map();
  return async () => {
    contents = await measureQuarantine(place, contents);
    room.measured(contents);
  };
}
