/**
 * MM4D_ACCEPT=queue: the 250 waits until the record is on the queue. Each record is
 * tried once; its relay is the one that tries again.
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

export function createQueueStore(options: QueueStoreOptions): QueueStore {
  let refused: Error | null = null;

  async function publishOne(record: JournalRecord): Promise<PublishResult> {
    const [result] = await options.publish([record]);
    if (result === undefined || result instanceof Error) throw result;
    return result;
  }

  return {
    async append(record) {
      let published: PublishResult;
      try {
        published = await withDeadline(publishOne(record), "Redis");
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
