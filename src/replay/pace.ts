/** Lets so many events through a second, evenly. */

export interface Pace {
  /** In how many milliseconds the next may go; 0 for now. */
  nextInMs(): number;
  /** So many have gone. */
  took(count: number): void;
}

/** What was late by more than this is not made up for: after a wait it goes on as evenly as before. */
const MADE_UP_MS = 500;

/** `nowMs`: a clock that is never set back. */
export function createPace(perSecond: number, nowMs: () => number = () => performance.now()): Pace {
  /** Null before the first: what came before it is not made up for. */
  let nextMs: number | null = null;
  return {
    nextInMs: () => Math.max(0, (nextMs ?? 0) - nowMs()),
    took(count) {
      if (count === 0) return;
      nextMs = Math.max(nextMs ?? nowMs(), nowMs() - MADE_UP_MS) + (count * 1000) / perSecond;
    },
  };
}

/** So many go at once that twenty calls a second are enough, and one of them is short. */
export function batchOf(perSecond: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(perSecond / 20)));
}
