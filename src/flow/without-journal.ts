/**
 * MM4D_ACCEPT=queue: the 250 waits until the record is on the queue. Each record is
 * tried once; its relay is the one that tries again. What comes while a call is under
 * way waits for the next one, in one batch, because a call costs as much as its records.
 */
import type { Fate } from "../delivery/fate.ts";
import type { JournalRecord } from "../journal/record.ts";
import { fateOf, type PublishResult } from "./fate-of.ts";

export interface QueueStoreOptions {
  /** Puts records on the queue. An error, or a rejection for all of them, says that this is not certain. */
  readonly publish: (records: readonly JournalRecord[]) => Promise<readonly (PublishResult | Error)[]>;
  readonly onBecame: (fates: readonly Fate[]) => void;
  readonly onTrouble: (cause: Error) => void;
  readonly onRecovered: () => void;
  /** Whether the queue itself was refused to us; anything else is told of Redis as a whole. */
  readonly isRefusal: (cause: Error) => boolean;
}

export interface QueueStore {
  /** Resolves once the record is on the queue. Rejects, in time, when that is not certain. */
  append(record: JournalRecord): Promise<void>;
  /** Which queue was refused to us last; null since something was queued. */
  trouble(): Error | null;
}

/** How long a message may wait to be stored before its sender is asked to come again: so that it hears within 5 s. */
const STORE_DEADLINE_MS = 4_000;

/** What waits for the next call. */
interface Waiting {
  readonly record: JournalRecord;
  readonly settle: (result: PublishResult | Error) => void;
}

/** While Redis works on one batch, the next is on its way. */
const CALLS = 2;
/** So many at most go in one call. */
const MOST = 64;

export function createQueueStore(options: QueueStoreOptions): QueueStore {
  let refused: Error | null = null;

  let waiting: Waiting[] = [];
  let calls = 0;

  function next(): void {
    while (calls < CALLS && waiting.length > 0) {
      // A bounce comes by itself.
      const alone = waiting.findIndex(({ record }) => record.kind === "bounce");
      const batch = waiting.splice(0, alone < 0 ? MOST : Math.min(MOST, Math.max(1, alone)));
      calls += 1;
      void publishBatch(batch).finally(() => {
        calls -= 1;
        next();
      });
    }
  }

  async function publishBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await options.publish(batch.map(({ record }) => record));
      for (const [index, { settle }] of batch.entries()) settle(results[index] ?? new Error("It was not published"));
    } catch (cause) {
      for (const { settle } of batch) settle(cause as Error);
    }
  }

  async function publishOne(record: JournalRecord): Promise<PublishResult> {
    const tried = new Promise<PublishResult>((resolve, reject) => {
      waiting.push({ record, settle: (result) => (result instanceof Error ? reject(result) : resolve(result)) });
    });
    next();
    try {
      return await withDeadline(tried, "Redis");
    } catch (cause) {
      // What was not tried in time never is: its relay has been asked to come again.
      waiting = waiting.filter((other) => other.record !== record);
      throw cause;
    }
  }

  return {
    async append(record) {
      let published: PublishResult;
      try {
        published = await publishOne(record);
      } catch (cause) {
        if (options.isRefusal(cause as Error)) refused = cause as Error;
        options.onTrouble(cause as Error);
        throw cause;
      }
      refused = null;
      options.onRecovered();
      options.onBecame([fateOf(record, published)]);
    },
    trouble: () => refused,
  };
}

export function withDeadline<T>(work: Promise<T>, who: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`${who} did not answer within ${STORE_DEADLINE_MS} ms`));
    const timer = setTimeout(late, STORE_DEADLINE_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
