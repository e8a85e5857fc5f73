/**
 * Whether the drain lets accepting go first: a burst is answered sooner, and what
 * waits meanwhile is added to the queue in fewer calls.
 */
export interface GivingWay {
  now(): boolean;
  stop(): void;
}

export interface GivingWayOptions {
  /** How many records were taken in so far. */
  readonly appended: () => number;
  /** When the record came that has waited longest: RFC 3339; undefined when none waits. */
  readonly oldestAt: () => string | undefined;
}

export const LOOKS_EVERY_MS = 50;
/** Events wait for so long at most, while relays wait too and this process has less than a tenth of its time to spare. */
const GIVES_WAY_MS = 5_000;
const BUSY = 0.9;

export function createGivingWay({ appended, oldestAt }: GivingWayOptions): GivingWay {
  let busy = false;
  let used = performance.eventLoopUtilization();
  let taken = appended();
  const looks = setInterval(() => {
    const [usedBefore, takenBefore] = [used, taken];
    used = performance.eventLoopUtilization();
    taken = appended();
    busy = taken > takenBefore && performance.eventLoopUtilization(used, usedBefore).utilization > BUSY;
  }, LOOKS_EVERY_MS);

  return {
    now() {
      const oldest = busy ? oldestAt() : undefined;
      if (oldest === undefined) return false;
      const waitsMs = Date.now() - Date.parse(oldest);
      // A clock that was set back must not make the event wait for longer.
      return waitsMs >= 0 && waitsMs < GIVES_WAY_MS;
    },
    stop: () => clearInterval(looks),
  };
}
