/**
 * Finds what the page shows of much data in a thread of its own. The thread is begun when somebody looks, and ends
 * when nobody has looked for a minute.
 */
import type { RedisPlace } from "../queue/redis.ts";
import { createAside } from "./aside.ts";
import { createLane, createTurns } from "./lane.ts";
import { newestFirst } from "./list-place.ts";
import { ROWS_OF_PAGE } from "./page-of-rows.ts";
import type { ArchivePlace } from "./question.ts";
import type { LiveRows, Views } from "./views.ts";

/** The program of the thread, as the build makes it. */
export const THREAD = new URL("thread.js", import.meta.url);

export interface ViewsOptions {
  readonly thread: URL;
  readonly redis: RedisPlace;
  readonly prefix: string;
  /** The queues that may be looked at. */
  readonly queues: readonly string[];
  /** This machine's archive; null, or absent, where none is looked into. */
  readonly archive?: ArchivePlace | null;
  /** The network of an address: whoever has one address of it may have all. */
  readonly networkOf: (address: string) => string;
  /** The thread has ended by a fault, or because it took too long or too much memory; or a follower has thrown. */
  readonly onFault: (cause: Error) => void;
}

export function startViews({ thread, redis, prefix, queues, archive = null, networkOf, onFault }: ViewsOptions): Views {
  const followers = new Set<(news: LiveRows) => void>();
  /** For who follows next: the newest that were told. */
  let newest: LiveRows | null = null;
  const aside = createAside({ thread, data: { redis, prefix, queues, archive }, onNews: hear, onFault });
  const look = createLane(aside.ask, networkOf);
  // Giving back takes some seconds, and the pages go on meanwhile. No two who ask share a run, as each is told what it did.
  const act = createTurns();

  function hear(news: LiveRows): void {
    const ids = new Set(news.rows.map(({ id }) => id));
    const before = newest?.rows.filter(({ id }) => !ids.has(id)) ?? [];
    const rows = newestFirst([...news.rows, ...before]).slice(0, ROWS_OF_PAGE);
    const jobs = new Map([...(newest?.jobs ?? []), ...news.jobs]);
    const kept = new Set(rows.map(({ jobId }) => jobId));
    newest = { rows, skipped: 0, jobs: new Map([...jobs].filter(([id]) => kept.has(id))) };
    for (const onRows of followers) {
      try {
        onRows(news);
      } catch (cause) {
        // A page that cannot show its rows must end neither the others nor the service.
        onFault(cause as Error);
      }
    }
  }

  function checkQueue(queue: string): void {
    if (!queues.includes(queue)) throw new Error(`There is no queue "${queue}"`);
  }

  return {
    reports: (filter, from, client) => look({ kind: "reports", filter, from }, client),
    entries: (wanted, client) => look({ kind: "entries", wanted }, client),
    async listed(queue, state, client) {
      checkQueue(queue);
      return look({ kind: "listed", queue, state }, client);
    },
    async troubles(queue, client) {
      checkQueue(queue);
      return look({ kind: "troubles", queue }, client);
    },
    codes: (period) => look({ kind: "codes", period }),
    peerWeeks: () => look({ kind: "peer-weeks" }),
    async retry(queue, which, client, onGiven) {
      checkQueue(queue);
      const network = client === undefined ? undefined : networkOf(client);
      return act(() => aside.ask<number>({ kind: "retry", queue, which }, onGiven), network);
    },
    follow(onRows) {
      // Each follower is one of its own, even where the same function follows twice.
      const follower = (news: LiveRows): void => onRows(news);
      followers.add(follower);
      if (followers.size === 1) aside.follow(true);
      else if (newest !== null) onRows(newest);
      return () => {
        if (!followers.delete(follower) || followers.size > 0) return;
        newest = null;
        aside.follow(false);
      };
    },
    close: aside.close,
  };
}
