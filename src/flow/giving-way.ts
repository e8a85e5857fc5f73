/**
 * Relays go first. While answering them takes nearly all of this process's time, the drain gives way: a burst is
 * answered nearly as fast as the disk takes it, and worked off behind it. All in all nothing takes longer.
 *
 *   for some milliseconds nothing is drained → was there time to spare? → a batch; if not, once more
 */
import type { Pauses } from "./pauses.ts";

export interface GivingWayOptions {
  readonly pause: Pauses["pause"];
  /** For how many milliseconds the oldest record has waited; infinite when none is to wait any more. */
  readonly waitedMs: () => number;
  /** Monotonic milliseconds. Tests hand in their own. */
  readonly nowMs?: () => number;
  /** Gives what tells which part of the time since now was used, from 0 to 1. Tests hand in their own. */
  readonly used?: () => () => number;
}

export interface GivingWay {
  /** Resolves when it is the drain's turn. A batch that is `full` waits for a look only now and then. */
  turn(full: boolean): Promise<void>;
}

/**
 * So long nothing is drained, because otherwise what the drain uses would look like relays. A batch that is not full
 * gathers more meanwhile: what a batch costs besides its records, and what the processor's caches lose between two of
 * them, is shared by twice as many at full rate, which saves a tenth of all CPU.
 */
export const LOOKS_FOR_MS = 4;
export const LOOKS_EVERY_MS = 50;
/** To work a report off takes two thirds of what it takes to answer it. Beyond this there is not time enough for both. */
const BUSY = 0.6;
/** An event waits no longer than this for relays. A burst of 100,000 is answered by then. */
export const GIVES_WAY_MS = 10_000;

export function createGivingWay({
  pause,
  waitedMs,
  nowMs = () => performance.now(),
  used = usedSinceNow,
}: GivingWayOptions): GivingWay {
  let looking: Promise<void> | undefined;
  let lookedAtMs = nowMs();

  async function look(): Promise<void> {
    for (let isBusy = true; isBusy; ) {
      const sinceNow = used();
      await pause(LOOKS_FOR_MS);
      isBusy = sinceNow() > BUSY && waitedMs() < GIVES_WAY_MS;
    }
    looking = undefined;
    lookedAtMs = nowMs();
  }

  return {
    async turn(full) {
      if (!looking && full && nowMs() - lookedAtMs < LOOKS_EVERY_MS) return;
      looking ??= look();
      await looking;
    },
  };
}

function usedSinceNow(): () => number {
  const before = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(before).utilization;
}
