/**
 * Finds what the page shows of much data in a thread of its own. The thread is begun when somebody looks, and ends
 * when nobody has looked for a minute.
 */
import type { RedisPlace } from "../queue/redis.ts";
import { createAside } from "./aside.ts";
import { keyOf } from "./filter.ts";
import { createLane, createTurns } from "./lane.ts";
import { newestFirst } from "./list-place.ts";
import { ROWS_OF_PAGE } from "./page-of-rows.ts";
import type { ArchivePlace, LiveNews } from "./question.ts";
import type { ReportFilter, ReportRow } from "./report-row.ts";
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
  const followers = new Set<Follower>();
  /** For who follows next what others follow: the newest that were told, by the keys of their filters. */
  const newest = new Map<string, LiveRows>();
  const aside = createAside({ thread, data: { redis, prefix, queues, archive }, onNews: hear, onFault });
  const look = createLane(aside.ask, networkOf);
  // Giving back takes some seconds, and the pages go on meanwhile. No two who ask share a run, as each is told what it did.
  const act = createTurns();

  function hear({ found, jobs }: LiveNews): void {
    const news = new Map(found.map(({ filter, ...rows }) => [keyOf(filter), rows]));
    for (const key of new Set([...followers].map((follower) => follower.key))) {
      newest.set(key, withNews(newest.get(key), news.get(key)?.rows ?? [], jobs));
    }
    for (const { key, onRows } of followers) {
      const { rows, skipped } = news.get(key) ?? { rows: [], skipped: 0 };
      try {
        if (rows.length > 0 || jobs.size > 0) onRows({ rows, skipped, jobs });
      } catch (cause) {
        // A page that cannot show its rows must end neither the others nor the service.
        onFault(cause as Error);
      }
    }
  }

  /** Each filter that is followed, once. */
  function followed(): readonly ReportFilter[] {
    return [...new Map([...followers].map(({ key, filter }) => [key, filter])).values()];
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
    follow(filter, onRows) {
      const follower = { key: keyOf(filter), filter, onRows };
      const isNew = ![...followers].some(({ key }) => key === follower.key);
      followers.add(follower);
      if (isNew) aside.follow(followed());
      const told = newest.get(follower.key);
      if (told !== undefined && told.rows.length > 0) onRows(told);
      return () => {
        if (!followers.delete(follower) || [...followers].some(({ key }) => key === follower.key)) return;
        newest.delete(follower.key);
        aside.follow(followed());
      };
    },
    close: aside.close,
  };
}

interface Follower {
  /** Of its filter. */
  readonly key: string;
  readonly filter: ReportFilter;
  readonly onRows: (news: LiveRows) => void;
}

/** What is known of the newest rows, with those that have come. */
function withNews(known: LiveRows | undefined, come: readonly ReportRow[], jobsNow: LiveRows["jobs"]): LiveRows {
  const ids = new Set(come.map(({ id }) => id));
  const before = known?.rows.filter(({ id }) => !ids.has(id)) ?? [];
  const rows = newestFirst([...come, ...before]).slice(0, ROWS_OF_PAGE);
  const kept = new Set(rows.map(({ jobId }) => jobId));
  const jobs = [...(known?.jobs ?? []), ...jobsNow].filter(([id]) => kept.has(id));
  return { rows, skipped: 0, jobs: new Map(jobs) };
}
