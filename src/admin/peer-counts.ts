/** What each peer has sent in the last hour. */
import type { Tally } from "../delivery/tally.ts";

const MINUTE_MS = 60_000;

export interface PeerCounts {
  readonly reports: number;
  readonly successes: number;
  /** Over the last one to two minutes. */
  readonly perSecond: number;
  /** The beginning of the last minute in which one came. */
  readonly lastMinute: Date;
}

/** Counts by minute, of the last hour. */
export function peerCounts(tallies: readonly Tally[], now: Date): ReadonlyMap<string, PeerCounts> {
  const begun = now.getTime() - (now.getTime() % MINUTE_MS);
  const seconds = (now.getTime() - begun + MINUTE_MS) / 1_000;
  const counts = new Map<string, PeerCounts>();
  for (const { peer, from, reports, disposition } of tallies) {
    const before = counts.get(peer) ?? { reports: 0, successes: 0, perSecond: 0, lastMinute: from };
    const isNow = from.getTime() >= begun - MINUTE_MS;
    counts.set(peer, {
      reports: before.reports + reports,
      successes: before.successes + (disposition === "success" ? reports : 0),
      perSecond: before.perSecond + (isNow ? reports / seconds : 0),
      lastMinute: from > before.lastMinute ? from : before.lastMinute,
    });
  }
  return counts;
}

/** Such as `28.4 /s`. */
export function rateInWords(perSecond: number): string {
  if (perSecond === 0) return "0 /s";
  return perSecond < 0.1 ? "< 0.1 /s" : `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)} /s`;
}
