/** What each peer has sent in the last hour. */
import type { Tally } from "../delivery/tally.ts";

const MINUTE_MS = 60_000;

export interface PeerCounts {
  readonly reports: number;
  readonly successes: number;
  /** In the last whole minute, because the one that runs has only begun. */
  readonly lastWholeMinute: number;
  /** The beginning of the last minute in which one came. */
  readonly lastMinute: Date;
}

/** Counts by minute, of the last hour. */
export function peerCounts(tallies: readonly Tally[], now: Date): ReadonlyMap<string, PeerCounts> {
  const whole = now.getTime() - (now.getTime() % MINUTE_MS) - MINUTE_MS;
  const counts = new Map<string, PeerCounts>();
  for (const { peer, from, reports, disposition } of tallies) {
    const before = counts.get(peer) ?? { reports: 0, successes: 0, lastWholeMinute: 0, lastMinute: from };
    counts.set(peer, {
      reports: before.reports + reports,
      successes: before.successes + (disposition === "success" ? reports : 0),
      lastWholeMinute: before.lastWholeMinute + (from.getTime() === whole ? reports : 0),
      lastMinute: from > before.lastMinute ? from : before.lastMinute,
    });
  }
  return counts;
}
