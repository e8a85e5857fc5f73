/** What the pages of the peers show, found once for all of them that are open. */
import type { PeerWeek } from "../views/peer-weeks.ts";
import type { Operations, RefusedClient } from "./operations.ts";
import { type LookThrough, lookingThrough, type OwedCounts, owedCounts } from "./peer-acknowledgements.ts";
import { type PeerCounts, peerCounts } from "./peer-counts.ts";
import type { PeerNow } from "./peer-now.ts";
import { remembering, rememberingFor } from "./remembering.ts";

const HOUR_MS = 3_600_000;
const SEEN_MS = 1_500;
const OWED_MS = 5_000;

export interface PeersSeen {
  readonly peers: readonly PeerNow[];
  /** The latest last. */
  readonly refusals: readonly RefusedClient[];
  /** Null while Redis is away. */
  readonly counted: Counted | null;
  /** Why nothing is counted; null when it is. */
  readonly away: string | null;
}

/** What only Redis knows of them, by name. */
export interface Counted {
  readonly hour: ReadonlyMap<string, PeerCounts>;
  readonly owed: ReadonlyMap<string, OwedCounts>;
  /** Whether more are owed than were looked at. */
  readonly owedComplete: boolean;
}

export interface PeersLook {
  readonly see: () => Promise<PeersSeen>;
  /** Of seven days, by name. */
  readonly weeks: (keptMs: number) => Promise<ReadonlyMap<string, PeerWeek>>;
  readonly acknowledgements: LookThrough;
}

/** Nothing of it is found before somebody looks. */
export function lookingAtPeers(operations: Operations): PeersLook {
  const acknowledgements = lookingThrough(operations.acknowledgements);
  const counted = async (): Promise<Counted> => {
    const [tallies, { byPeer, complete }] = await Promise.all([
      operations.tallies(HOUR_MS, "minute"),
      owedCounts(acknowledgements, OWED_MS),
    ]);
    return { hour: peerCounts(tallies, new Date()), owed: byPeer, owedComplete: complete };
  };
  return {
    acknowledgements,
    weeks: rememberingFor(operations.views.peerWeeks),
    see: remembering(SEEN_MS, async () => {
      const away = operations.redisAway();
      const [peers, refusals, found] = await Promise.all([
        operations.peers(),
        operations.refusals(),
        away === null ? counted() : null,
      ]);
      return { peers, refusals, counted: found, away };
    }),
  };
}
