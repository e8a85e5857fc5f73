/**
 * Tells an outage once, however often it is interrupted for a moment: when it
 * begins, and when it has been over for a while.
 *
 * A connection that is cut five times a second for an hour is one outage, and
 * two lines in the log, not thirty-six thousand.
 */

export interface OutageOptions<Cause> {
  readonly onBegin: (cause: Cause) => void;
  readonly onEnd: (outage: OutageFacts) => void;
  /** One that is over within this time, in milliseconds, is no news. */
  readonly patienceMs?: number;
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
  begin(cause: Cause): void;
  /** False when there was none. */
  end(): boolean;
  /** Tells that it is over, when that was only waited for. */
  stop(): void;
}

const STEADY_MS = 5_000;

export function createOutage<Cause>(options: OutageOptions<Cause>): Outage<Cause> {
  const { onBegin, onEnd, patienceMs = 0, steadyMs = STEADY_MS } = options;
  let sinceMs: number | null = null;
  let overMs = 0;
  let times = 0;
  let told = false;
  let telling: NodeJS.Timeout | undefined;
  let ending: NodeJS.Timeout | undefined;

  function tell(cause: Cause): void {
    telling = undefined;
    told = true;
    onBegin(cause);
  }

  function settle(): void {
    ending = undefined;
    if (told && sinceMs !== null) onEnd({ lastedMs: Math.round(overMs - sinceMs), times });
    sinceMs = null;
    told = false;
    times = 0;
  }

  return {
    begin(cause) {
      clearTimeout(ending);
      ending = undefined;
      times += 1;
      sinceMs ??= performance.now();
      if (told || telling) return;
      const leftMs = sinceMs + patienceMs - performance.now();
      if (leftMs <= 0) tell(cause);
      else telling = setTimeout(tell, leftMs, cause).unref();
    },
    end() {
      if (sinceMs === null) return false;
      clearTimeout(telling);
      telling = undefined;
      if (ending) return true;
      overMs = performance.now();
      ending = setTimeout(settle, steadyMs).unref();
      return true;
    },
    stop() {
      clearTimeout(telling);
      clearTimeout(ending);
      if (ending) settle();
    },
  };
}
