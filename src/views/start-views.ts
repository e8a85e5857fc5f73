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
  /** What is followed, by the keys of the filters. */
  const followed = new Map<string, Followed>();
  const aside = createAside({ thread, data: { redis, prefix, queues, archive }, onNews: hear, onFault });
  const look = createLane(aside.ask, networkOf);
  // Giving back takes some seconds, and the pages go on meanwhile. No two who ask share a run, as each is told what it did.
  const act = createTurns();

  function hear({ found, jobs }: LiveNews): void {
    const news = new Map(found.map(({ filter, ...rows }) => [keyOf(filter), rows]));
    for (const [key, one] of followed) {
      const { rows, skipped } = news.get(key) ?? NOTHING;
      one.newest = withNews(one.newest, rows, jobs);
      if (rows.length > 0 || jobs.size > 0) tell(one, { rows, skipped, jobs });
    }
  }

  function tell({ followers }: Followed, news: LiveRows): void {
    for (const { onRows } of followers) {
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
    follow(filter, onRows) {
      const key = keyOf(filter);
      const one = followed.get(key) ?? { filter, followers: new Set(), newest: NOTHING };
      const follower = { onRows };
      one.followers.add(follower);
      if (!followed.has(key)) {
        followed.set(key, one);
        aside.follow(filtersOf(followed));
      } else if (one.newest.rows.length > 0) onRows(one.newest);
      return () => {
        if (!one.followers.delete(follower) || one.followers.size > 0) return;
        followed.delete(key);
        aside.follow(filtersOf(followed));
      };
    },
    close: aside.close,
  };
}

/** What is followed with one filter. */
interface Followed {
  readonly filter: ReportFilter;
  /** Each is one of its own, even where the same function follows twice. */
  readonly followers: Set<{ readonly onRows: (news: LiveRows) => void }>;
  /** The newest that were told, for who follows next. */
  newest: LiveRows;
}

const NOTHING: LiveRows = { rows: [], skipped: 0, jobs: new Map() };

function filtersOf(followed: ReadonlyMap<string, Followed>): readonly ReportFilter[] {
  return [...followed.values()].map(({ filter }) => filter);
}

/** What is known of the newest rows, with those that have come. */
function withNews(known: LiveRows, come: readonly ReportRow[], jobsNow: LiveRows["jobs"]): LiveRows {
  const ids = new Set(come.map(({ id }) => id));
  const rows = newestFirst([...come, ...known.rows.filter(({ id }) => !ids.has(id))]).slice(0, ROWS_OF_PAGE);
  const kept = new Set(rows.map(({ jobId }) => jobId));
  const jobs = [...known.jobs, ...jobsNow].filter(([id]) => kept.has(id));
  return { rows, skipped: 0, jobs: new Map(jobs) };
}
