/**
 * Whose records take long to be read. Reading is linear in the header, but a hostile one takes a hundred times as long
 * a byte as most. The records of such a peer go beside those of the others, one at a time, so that nobody waits for them.
 */
export interface SlowPeers {
  /** A record of this peer took so many milliseconds. */
  count(peer: string, ms: number): void;
  isSlow(peer: string): boolean;
}

/** A second's work of one peer. */
interface Work {
  beganMs: number;
  ms: number;
  records: number;
  slowUntilMs: number;
}

const WINDOW_MS = 1_000;
/** Peers whose records take longer than that, as a mean, are slow. Most take a twentieth. */
const SLOW_MS = 1;
/** With less of it nobody waits for long. */
const NOTICED_MS = 100;
const SLOW_FOR_MS = 10_000;
const MAX_PEERS = 1_000;

export function createSlowPeers(nowMs: () => number): SlowPeers {
  const works = new Map<string, Work>();

  function begin(peer: string): Work {
    if (works.size >= MAX_PEERS) works.clear();
    const work = { beganMs: nowMs(), ms: 0, records: 0, slowUntilMs: 0 };
    works.set(peer, work);
    return work;
  }

  return {
    count(peer, ms) {
      const work = works.get(peer) ?? begin(peer);
      work.ms += ms;
      work.records += 1;
      const now = nowMs();
      if (work.ms >= NOTICED_MS && work.ms / work.records > SLOW_MS) work.slowUntilMs = now + SLOW_FOR_MS;
      if (now - work.beganMs < WINDOW_MS) return;
      work.beganMs = now;
      work.ms = 0;
      work.records = 0;
    },
    isSlow(peer) {
      const work = works.get(peer);
      // Almost none ever was, and the clock need not be asked for them.
      return work !== undefined && work.slowUntilMs > 0 && nowMs() < work.slowUntilMs;
    },
  };
}
