/** What each peer has reported in the last seven days: with which outcomes, and with which codes. */
import { BOUNDS } from "../bounds/bounds.ts";
import { type Sum, sumBy, type Tally, talliesBy } from "../delivery/tally.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { readStatistics } from "../queue/statistics.ts";

const WEEK_MS = 7 * 86_400_000;

export interface PeerWeek {
  /** By outcome and disposition, with a blank between them, the most frequent first. */
  readonly outcomes: readonly Sum[];
  /** The most frequent first; so many at most as the page shows of one list. */
  readonly codes: readonly Sum[];
}

/** Of all peers at once, because it takes as long for one of them. */
export async function readPeerWeeks(place: QueuePlace, until = new Date()): Promise<ReadonlyMap<string, PeerWeek>> {
  const since = new Date(until.getTime() - WEEK_MS);
  return peerWeeks(await readStatistics(place, { since, until, resolution: "hour" }));
}

/** By the peers' names. */
export function peerWeeks(tallies: readonly Tally[]): ReadonlyMap<string, PeerWeek> {
  const byPeer = talliesBy(tallies, ({ peer }) => peer);
  return new Map([...byPeer].map(([peer, its]) => [peer, weekOf(its)]));
}

function weekOf(tallies: readonly Tally[]): PeerWeek {
  const coded = tallies.filter(({ code }) => code !== "none");
  return {
    outcomes: sumBy(tallies, ({ outcome, disposition }) => `${outcome} ${disposition}`),
    codes: sumBy(coded, ({ code }) => code).slice(0, BOUNDS.listShown.value),
  };
}
