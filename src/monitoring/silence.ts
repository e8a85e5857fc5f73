/**
 * Peers that are set, and when each was heard last: by this process, or by another one or a replica on the same
 * Redis.
 */
import type { Heard } from "../queue/heard.ts";
import { later, type PeerFacts } from "./health.ts";
import type { ReasonTimes } from "./reason-times.ts";
import type { Traffic } from "./traffic.ts";

export interface SilenceOptions {
  readonly traffic: Pick<Traffic, "byPeer">;
  readonly heard: Heard;
  readonly times: Pick<ReasonTimes, "silentFromStartMs" | "silentMs">;
}

/** A peer whose silence matters. A client that may connect because no peer is set is not listed. */
interface Listable {
  readonly name: string;
  readonly listed: boolean;
}

export interface Silence {
  usePeers(peers: readonly Listable[]): void;
  /**
   * Asks Redis where a report to another process or replica could change the answer. Rejects when Redis does not
   * answer.
   */
  look(): Promise<void>;
  /** The peers of which something is known. */
  facts(): readonly PeerFacts[];
}

export function createSilence({ traffic, heard, times }: SilenceOptions): Silence {
  /** Since when each peer is set: a peer that came by a reload has not been silent since the start. */
  let sinceMs: ReadonlyMap<string, number> = new Map();
  let startMs: number | undefined;

  /** By what was accepted, because what was said is not known while Redis is away. */
  function heardHere(name: string): Date | null {
    return traffic.byPeer().get(name)?.lastAt ?? null;
  }

  function isSilentHere(name: string, since: number): boolean {
    const lastAt = heardHere(name);
    if (lastAt === null) return performance.now() - since >= times.silentFromStartMs;
    return Date.now() - lastAt.getTime() >= times.silentMs;
  }

  return {
    usePeers(peers) {
      const nowMs = performance.now();
      startMs ??= nowMs;
      const listed = peers.filter((peer) => peer.listed);
      sinceMs = new Map(listed.map(({ name }) => [name, sinceMs.get(name) ?? nowMs]));
    },
    async look() {
      if ([...sinceMs].some(([name, since]) => isSilentHere(name, since))) await heard.look();
    },
    facts: () =>
      [...sinceMs].flatMap(([name, since]) => {
        const [here, anywhere] = [heardHere(name), heard.lastAt(name)];
        // Nothing is known yet of its reports to other processes and replicas.
        if (here === null && anywhere === undefined) return [];
        const knownMs = performance.now() - since;
        return [{ name, lastAt: later(here, anywhere ?? null), knownMs, reloaded: since !== startMs }];
      }),
  };
}
