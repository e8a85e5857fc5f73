/**
 * Finds what the page shows of much data in a thread of its own. The thread is begun when somebody looks, and ends
 * when nobody has looked for a minute.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { RedisPlace } from "../queue/redis.ts";
import { type Aside, createAside } from "./aside.ts";
import { ROWS_OF_PAGE } from "./list-reports.ts";
import type { Question } from "./question.ts";
import type { LiveRows, Views } from "./views.ts";

export interface ViewsOptions {
  readonly redis: RedisPlace;
  readonly prefix: string;
  /** The queues that may be looked at. */
  readonly queues: readonly string[];
  /** The thread has ended by a fault, or because it took too long or too much memory. */
  readonly onFault: (cause: Error) => void;
}

export function startViews({ redis, prefix, queues, onFault }: ViewsOptions): Views {
  const followers = new Set<(news: LiveRows) => void>();
  /** For who follows next: the newest that were told. */
  let newest: LiveRows | null = null;
  const aside = createAside({ data: { redis, prefix }, onNews: hear, onFault });
  const look = createLane(aside.ask);
  const act = createLane(aside.ask);

  function hear(news: LiveRows): void {
    const ids = new Set(news.rows.map(({ id }) => id));
    const before = newest?.rows.filter(({ id }) => !ids.has(id)) ?? [];
    newest = { rows: [...news.rows, ...before].slice(0, ROWS_OF_PAGE), skipped: 0 };
    for (const onRows of followers) onRows(news);
  }

  function checkQueue(queue: string): void {
    if (!queues.includes(queue)) throw new Error(`There is no queue "${queue}"`);
  }

  return {
    reports: async (filter, from) => look({ kind: "reports", filter, from }),
    entries: async (wanted) => look({ kind: "entries", wanted }),
    async troubles(queue) {
      checkQueue(queue);
      return look({ kind: "troubles", queue });
    },
    async retry(queue, which) {
      checkQueue(queue);
      return act({ kind: "retry", queue, which });
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

/** One question after the other. One that is asked already, and has no answer yet, is not asked twice. */
function createLane(ask: Aside["ask"]): Aside["ask"] {
  const open = new Map<string, Promise<unknown>>();
  let last: Promise<unknown> = Promise.resolve();
  return <T>(question: Question): Promise<T> => {
    const name = JSON.stringify(question);
    const same = open.get(name);
    if (same) return same as Promise<T>;
    if (open.size >= BOUNDS.viewsWaiting.value) {
      return Promise.reject(new Error("Too many pages are asked for at once: ask again in some seconds"));
    }
    const mine = last.then(() => ask<T>(question)).finally(() => open.delete(name));
    open.set(name, mine);
    last = mine.catch(() => {}); // Its own caller gets the error.
    return mine;
  };
}
