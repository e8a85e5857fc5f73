/**
 * MM4D_ACCEPT=queue: the 250 waits for the second half of the flow. Each record is tried
 * once; its relay is the one that tries again. What comes while a call is under way
 * waits for the next one, in one batch, because a call costs as much as its records.
 */
import type { Fate } from "../delivery/fate.ts";
import type { JournalRecord, ReadRecord } from "../journal/record.ts";
import { fateOf, type PublishResult } from "./fate-of.ts";
import type { ReadRecords, Ready } from "./ready.ts";
import { isPromised, QuarantineFullError, type Room } from "./room.ts";

export interface QueueStoreOptions {
  readonly read: ReadRecords;
  /** Puts records on the queue. An error, or a rejection for all of them, says that this is not certain. */
  readonly publish: (records: readonly ReadRecord[]) => Promise<readonly (PublishResult | Error)[]>;
  readonly quarantine: Room;
  /** Where records have ended that were accepted: told a batch at a time, once each of them was told to be accepted. */
  readonly onBecame: (fates: readonly Fate[]) => void;
  readonly onTrouble: (cause: Error) => void;
  readonly onRecovered: () => void;
  /** Whether the queue itself was refused to us; anything else is told of Redis as a whole. */
  readonly isRefusal: (cause: Error) => boolean;
}

export interface QueueStore {
  /** Resolves once the record is on the queue. Rejects, in time, when that is not certain, or when it finds no room in quarantine. */
  append(record: JournalRecord): Promise<void>;
  /** Which queue was refused to us last; null since something was queued. */
  trouble(): Error | null;
}

/** How long a message may wait to be stored before its sender is asked to come again: so that it hears within 5 s. */
const STORE_DEADLINE_MS = 4_000;

/** What waits for the next call. */
interface Waiting {
  readonly ready: Ready;
  /** Null once it is where it belongs. */
  readonly settle: (cause: Error | null) => void;
  /** Its relay has been asked to come again. */
  isLate: boolean;
}

const NOT_SAID = new Error("It was not said what came of it");
/** While Redis works on one batch, the next is on its way. */
const CALLS = 2;
/** So many at most go in one call. */
const MOST = 64;

export function createQueueStore(options: QueueStoreOptions): QueueStore {
  const { read, quarantine, onTrouble, onRecovered, isRefusal } = options;
  let refused: Error | null = null;
  let waiting: Waiting[] = [];
  let calls = 0;

  function next(): void {
    while (calls < CALLS && waiting.length > 0) {
      // A bounce comes by itself.
      const alone = waiting.findIndex(({ ready: { record } }) => record.kind === "bounce");
      const batch = waiting.splice(0, alone < 0 ? MOST : Math.min(MOST, Math.max(1, alone)));
      calls += 1;
      void publishBatch(batch).finally(() => {
        calls -= 1;
        next();
      });
    }
  }

  async function publishBatch(batch: readonly Waiting[]): Promise<void> {
    const fitting = batch.filter(hasRoom);
    const results = await publish(fitting.flatMap(({ ready: { job } }) => (job === null ? [] : [job])));
    const fates: Fate[] = [];
    for (const { ready, isLate, settle } of fitting) {
      const result = ready.job === null ? null : (results.get(ready.job) ?? NOT_SAID);
      if (result instanceof Error || isLate) lose(ready);
      else fates.push(fateOf(ready, result));
      settle(result instanceof Error ? result : null);
    }
    // Behind their replies: each is told to be accepted before.
    if (fates.length > 0) setImmediate(() => options.onBecame(fates));
  }

  /** What came of each. An error of the whole call is one of each. */
  async function publish(jobs: readonly ReadRecord[]): Promise<ReadonlyMap<ReadRecord, PublishResult | Error>> {
    try {
      const results = jobs.length === 0 ? [] : await options.publish(jobs);
      return new Map(jobs.map((job, index) => [job, results[index] ?? NOT_SAID]));
    } catch (cause) {
      return new Map(jobs.map((job) => [job, cause as Error]));
    }
  }

  /** Whether it may go where it belongs; its relay is asked to come again where it may not. */
  function hasRoom({ ready: { record, job }, settle }: Waiting): boolean {
    if (job?.kind !== "quarantine" || isPromised(record)) return true;
    const { peer, raw } = job.message;
    if (!quarantine.has(peer.name, raw.length)) {
      settle(new QuarantineFullError(raw.length));
      return false;
    }
    quarantine.promised(record.id, { peer: peer.name, bytes: raw.length });
    return true;
  }

  /** What reading has promised a place does not come. What was promised one before gives it back itself. */
  function lose({ record, job }: Ready): void {
    if (job?.kind === "quarantine" && !isPromised(record)) quarantine.broken(record.id);
  }

  return {
    async append(record) {
      // Here, within the turn of its peer: reading may take a hundred times as long as most.
      const { one, end } = waitFor(read(record, 0));
      waiting.push(one);
      next();
      try {
        await withDeadline(end, "Redis");
      } catch (cause) {
        one.isLate = true;
        // What was not tried in time never is: its relay has been asked to come again.
        waiting = waiting.filter((other) => other !== one);
        if (cause instanceof QuarantineFullError) throw cause;
        if (isRefusal(cause as Error)) refused = cause as Error;
        onTrouble(cause as Error);
        throw cause;
      }
      refused = null;
      onRecovered();
    },
    trouble: () => refused,
  };
}

function waitFor(ready: Ready): { readonly one: Waiting; readonly end: Promise<void> } {
  let settle: Waiting["settle"] = () => {};
  const end = new Promise<void>((resolve, reject) => {
    settle = (cause) => (cause === null ? resolve() : reject(cause));
  });
  return { one: { ready, settle: (cause) => settle(cause), isLate: false }, end };
}

export function withDeadline<T>(work: Promise<T>, who: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`${who} did not answer within ${STORE_DEADLINE_MS} ms`));
    const timer = setTimeout(late, STORE_DEADLINE_MS);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (cause) => {
        clearTimeout(timer);
        reject(cause);
      },
    );
  });
}
