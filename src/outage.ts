/**
 * Tells an outage once, however often what is down comes back for a moment:
 * begun at once, over when it has stayed over for a while.
 *
 * A connection that is cut five times a second for an hour is one outage, and
 * two lines in the log, not thirty-six thousand.
 */

export interface OutageOptions<Cause> {
  readonly onBegun: (cause: Cause) => void;
  readonly onOver: (outage: OutageFacts) => void;
  /** How long it must be over before that is told, in milliseconds. */
  readonly steadyMs?: number;
}

export interface OutageFacts {
  /** From its beginning to the moment since which it is over. */
  readonly lastedMs: number;
  /** How often it began meanwhile. */
  readonly times: number;
}

export interface Outage<Cause> {
  begun(cause: Cause): void;
  /** False when there was none. */
  over(): boolean;
  /** Tells what would be told later. */
  stop(): void;
}

const STEADY_MS = 5_000;

export function createOutage<Cause>({ onBegun, onOver, steadyMs = STEADY_MS }: OutageOptions<Cause>): Outage<Cause> {
  let sinceMs: number | null = null;
  let overMs = 0;
  let times = 0;
  let timer: NodeJS.Timeout | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = undefined;
    if (sinceMs !== null) onOver({ lastedMs: Math.round(overMs - sinceMs), times });
    sinceMs = null;
  }

  return {
    begun(cause) {
      clearTimeout(timer);
      timer = undefined;
      times = sinceMs === null ? 1 : times + 1;
      if (sinceMs !== null) return;
      sinceMs = performance.now();
      onBegun(cause);
    },
    over() {
      if (sinceMs === null) return false;
      if (timer) return true;
      overMs = performance.now();
      timer = setTimeout(tell, steadyMs);
      timer.unref();
      return true;
    },
    stop() {
      if (timer) tell();
    },
  };
}
