/**
 * What could not be published, until it is. Each record has its own pauses, and
 * delays no other one. While Redis takes nothing at all, the records come back
 * together, so that an outage costs Redis one call at a time and not one a record.
 * One of them may be what breaks the whole call, each time: so after the second
 * failure one goes ahead of the rest, and shows whether Redis takes others.
 */
import type { Trouble } from "./trouble.ts";

/** What is tried. */
export interface Attempt {
  /** As it is on the disk. */
  readonly bytes: number;
  /** It never shares a call with others. */
  readonly alone: boolean;
}

export interface RetriesOptions<T> {
  /** Publishes; for each why it failed, or null. Never rejects. */
  readonly publish: (some: readonly T[]) => Promise<readonly (Error | null)[]>;
  /** Gives up the record's place for a later one. False when that failed too. */
  readonly move: (one: T) => Promise<boolean>;
  /** How many records were published so far, by anybody. */
  readonly published: () => number;
  readonly trouble: Trouble;
  /** A record that fails for so long, in milliseconds, while others are published is moved. */
  readonly movedAfterMs: number;
  /** So much, at most, comes back in one call. */
  readonly most: Most;
}

/** The bounds of a batch. */
export interface Most {
  readonly records: number;
  readonly bytes: number;
}

export interface Retries<T> {
  /**
   * Tries again what has just failed. True when it is published or moved; false when the retries were stopped before.
   * `publishedBefore`: how many were published before it was tried, because others may have succeeded in the same call.
   */
  add(one: T, cause: Error, publishedBefore?: number): Promise<boolean>;
  /** How many wait that need not be alone. */
  waiting(): number;
  /** Resolves when one of these waits no longer. */
  whenFewer(): Promise<void>;
  /** Resolves when what is being tried now has ended. */
  stop(): Promise<void>;
}

interface Waiting<T> {
  readonly one: T;
  readonly sinceMs: number;
  readonly publishedBefore: number;
  readonly resolve: (done: boolean) => void;
  pauseMs: number;
  /** When it is tried again; null while it is being tried. */
  dueMs: number | null;
}

export const FIRST_PAUSE_MS = 50;
export const LONGEST_PAUSE_MS = 1_000;

export function createRetries<T extends Attempt>(options: RetriesOptions<T>): Retries<T> {
  const { trouble } = options;
  const waiting = new Set<Waiting<T>>();
  let wakeUps: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function lookAgain(): void {
    clearTimeout(timer);
    const due = [...waiting].map(({ dueMs }) => dueMs ?? Number.POSITIVE_INFINITY);
    if (stopped || due.length === 0) return;
    const firstMs = Math.min(...due);
    if (firstMs < Number.POSITIVE_INFINITY) timer = setTimeout(tryDue, Math.max(0, firstMs - performance.now()));
  }

  function tryDue(): void {
    // A timer may fire a fraction of a millisecond early.
    const nowMs = performance.now() + 1;
    const idle = [...waiting].filter(({ dueMs }) => dueMs !== null);
    // Where Redis takes others, the fault may lie with one of the batch: then each is tried for itself.
    const isAlone = (one: Waiting<T>): boolean => one.one.alone || options.published() > one.publishedBefore;
    const isDue = ({ dueMs }: Waiting<T>): boolean => (dueMs ?? 0) <= nowMs;
    const alone = idle.filter((one) => isAlone(one) && isDue(one));
    const together = idle.filter((one) => !isAlone(one));
    // One that breaks the connection is behind the others next time.
    if (alone[0]) goLast(alone[0]);
    for (const one of alone) void attempt([one]);
    if (together.some(isDue)) void attemptTogether(together);
    lookAgain();
  }

  async function attemptTogether(some: readonly Waiting<T>[]): Promise<void> {
    const [first, ...rest] = some;
    let left = some;
    if (first && some.some(({ pauseMs }) => pauseMs > FIRST_PAUSE_MS)) {
      for (const one of rest) one.dueMs = null;
      const publishedBefore = options.published();
      goLast(first);
      await attempt([first]);
      left = options.published() > publishedBefore ? rest : [];
      if (left.length === 0) for (const one of rest) putOff(one);
    }
    for (const batch of batchesOf(left, options.most)) void attempt(batch);
    lookAgain();
  }

  /** The order of `waiting` is the order in which they are tried. */
  function goLast(one: Waiting<T>): void {
    waiting.delete(one);
    waiting.add(one);
  }

  async function attempt(some: readonly Waiting<T>[]): Promise<void> {
    for (const one of some) one.dueMs = null;
    const causes = await options.publish(some.map(({ one }) => one));
    await Promise.all(
      some.map(async (one, index) => {
        const cause = causes[index] ?? null;
        if (cause === null || (await moved(one, cause))) leave(one, true);
        else putOff(one);
      }),
    );
    lookAgain();
  }

  /** Whether it gives up its place, for a later one. */
  async function moved(one: Waiting<T>, cause: Error): Promise<boolean> {
    trouble.goOn(cause);
    // Redis takes others and not this one, which must not hold its segment, and all behind it, on the disk.
    const mayMove = options.published() > one.publishedBefore && performance.now() - one.sinceMs > options.movedAfterMs;
    return mayMove && options.move(one.one);
  }

  /** It waits for its next turn. */
  function putOff(one: Waiting<T>): void {
    one.pauseMs = Math.min(one.pauseMs * 2, LONGEST_PAUSE_MS);
    one.dueMs = performance.now() + one.pauseMs;
    if (stopped) leave(one, false);
  }

  function leave(one: Waiting<T>, done: boolean): void {
    waiting.delete(one);
    trouble.end();
    one.resolve(done);
    const woken = wakeUps;
    wakeUps = [];
    for (const wake of woken) wake();
  }

  return {
    add(one, cause, publishedBefore = options.published()) {
      trouble.begin(cause);
      return new Promise((resolve) => {
        const nowMs = performance.now();
        const added: Waiting<T> = {
          one,
          sinceMs: nowMs,
          publishedBefore,
          resolve,
          pauseMs: FIRST_PAUSE_MS,
          dueMs: nowMs + FIRST_PAUSE_MS,
        };
        waiting.add(added);
        if (stopped) leave(added, false);
        else lookAgain();
      });
    },
    waiting: () => [...waiting].filter(({ one }) => !one.alone).length,
    whenFewer: () => new Promise((resolve) => wakeUps.push(resolve)),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      // What is being tried now is told when that ends.
      for (const one of [...waiting]) if (one.dueMs !== null) leave(one, false);
      for (const wake of wakeUps.splice(0)) wake();
      while (waiting.size > 0) await new Promise<void>((resolve) => wakeUps.push(resolve));
    },
  };
}

/** In order. A batch ends by count and by bytes; one that is larger than that goes by itself. */
function batchesOf<T extends Attempt>(all: readonly Waiting<T>[], most: Most): readonly (readonly Waiting<T>[])[] {
  const batches: Waiting<T>[][] = [];
  let bytes = 0;
  for (const one of all) {
    const last = batches.at(-1);
    if (last && last.length < most.records && bytes + one.one.bytes <= most.bytes) last.push(one);
    else {
      batches.push([one]);
      bytes = 0;
    }
    bytes += one.one.bytes;
  }
  return batches;
}
