/**
 * Shares out the time of the event loop among peers, so that whatever one of them
 * ends in the same moment is not read in one go: between the turns everybody's
 * replies, `/livez` and new connections go on.
 *
 * Nothing waits while there is time left in this turn, which is always so for ordinary
 * traffic. What waits is taken in the next turns, one peer after the other; nothing is
 * ever left out.
 */

export interface Turns {
  /** Begins the work in this turn, or in one to come; settles as the work does. */
  run<T>(peer: string, work: () => Promise<T>): Promise<T>;
}

/** The clock, and the next turn of the event loop. Tests hand in their own. */
export interface Loop {
  readonly nowMs: () => number;
  readonly nextTurn: (then: () => void) => void;
}

const EVENT_LOOP: Loop = { nowMs: () => performance.now(), nextTurn: (then) => void setImmediate(then) };

/** So long a turn's work may go on beginning; a piece that has begun is not interrupted. */
export function createTurns(turnMs: number, { nowMs, nextTurn }: Loop = EVENT_LOOP): Turns {
  /** The first peer is served next. */
  const waiting = new Map<string, (() => void)[]>();
  let usedMs = 0;
  let began = false;

  function take<T>(work: () => Promise<T>): Promise<T> {
    const beganMs = nowMs();
    if (!began) {
      began = true;
      nextTurn(onTurn);
    }
    const worked = attempt(work);
    usedMs += nowMs() - beganMs;
    return worked;
  }

  function onTurn(): void {
    usedMs = 0;
    began = false;
    while (usedMs < turnMs) {
      const [next] = waiting;
      if (next === undefined) return;
      const [peer, works] = next;
      const begin = works.shift();
      waiting.delete(peer);
      if (works.length > 0) waiting.set(peer, works);
      begin?.();
    }
  }

  return {
    run(peer, work) {
      if (usedMs < turnMs && waiting.size === 0) return take(work);
      return new Promise((resolve) => {
        const begin = () => resolve(take(work));
        const works = waiting.get(peer);
        if (works) works.push(begin);
        else waiting.set(peer, [begin]);
      });
    },
  };
}

/** An error that is thrown before the first wait belongs to this work only. */
function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (cause) {
    return Promise.reject(cause);
  }
}
