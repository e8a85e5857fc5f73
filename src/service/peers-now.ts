/** The peers, as the page shows them. */
import type { PeerNow } from "../admin/peer-now.ts";
import { later, type MmscFacts, type PeerFacts } from "../monitoring/health.ts";
import type { PeerStatus } from "../monitoring/status.ts";
import type { PeerTraffic } from "../monitoring/traffic.ts";
import type { Config } from "../settings/config.ts";
import type { Peer } from "../smtp/peer.ts";
import type { State } from "./state.ts";

/** Those in force, in the order of the settings, and behind them those whose entry was taken out since they sent. */
export async function peersNow(
  peers: readonly Peer[],
  state: Pick<State, "health" | "status" | "facts">,
  config: Pick<Config, "maxClientsPerPeer">,
): Promise<readonly PeerNow[]> {
  const [health, status, { peers: traffic, connections }] = await Promise.all([
    state.health(),
    state.status(),
    state.facts(),
  ]);
  const seen = {
    facts: new Map(health.peers.map((one) => [one.name, one])),
    mmscs: new Map(health.mmscs.map((one) => [one.peer, one])),
    told: new Map(status.facts.flatMap((fact) => fact.peers).map((one) => [one.name, one])),
    traffic,
    connections,
  };
  const inForce = peers.map((peer) => peerNow(peer.name, peer, seen, config));
  const names = new Set(peers.map(({ name }) => name));
  const gone = [...traffic.keys()].filter((name) => !names.has(name));
  return [...inForce, ...gone.map((name) => peerNow(name, null, seen, config))];
}

interface Seen {
  readonly facts: ReadonlyMap<string, PeerFacts>;
  readonly mmscs: ReadonlyMap<string, MmscFacts>;
  readonly told: ReadonlyMap<string, PeerStatus>;
  readonly traffic: ReadonlyMap<string, PeerTraffic>;
  readonly connections: ReadonlyMap<string, number>;
}

function peerNow(
  name: string,
  peer: Peer | null,
  seen: Seen,
  { maxClientsPerPeer }: Pick<Config, "maxClientsPerPeer">,
): PeerNow {
  const [facts, traffic] = [seen.facts.get(name), seen.traffic.get(name)];
  const lastAt = later(facts?.lastAt ?? null, traffic?.lastAt ?? null);
  const heardHere = traffic !== undefined && traffic.lastAt !== null;
  return {
    name,
    inForce: peer !== null,
    lastAt: lastAt === null ? null : lastAt.toISOString(),
    knownMs: facts?.knownMs ?? null,
    connections: seen.connections.get(name) ?? 0,
    mostConnections: peer === null ? null : (peer.limits.connections ?? maxClientsPerPeer),
    tls: peer === null ? null : peer.tls,
    lastTls: heardHere ? traffic.lastTls : "never",
    unusual: seen.told.get(name)?.unusual ?? [],
    acknowledged: peer === null ? null : peer.acknowledge.mode,
    mmsc: peer === null ? null : mmscOf(peer, seen.mmscs.get(name)),
    // Written when it is asked for, because one page shows one, and others ask for all peers again and again.
    get entry() {
      return peer === null ? null : entryOf(peer);
    },
  };
}

function mmscOf({ acknowledge: { host, port } }: Peer, facts: MmscFacts | undefined): PeerNow["mmsc"] {
  if (host === null) return null;
  const failing = facts?.failing ?? null;
  return {
    host: `${host}:${port}`,
    failing: failing && { since: failing.since.toISOString(), reason: failing.reason },
    answeredAt: facts?.answeredAt?.toISOString() ?? null,
  };
}

/** As the peers' file writes it, without its secrets. */
function entryOf({ listed, networks, rules, ...entry }: Peer): string {
  const addresses = networks.map(({ address, prefix }) => `${address}/${prefix}`);
  const { name, ...rest } = entry;
  return JSON.stringify(
    { name, addresses, ...rest, ...rules },
    (key, value) => (key === "password" ? undefined : value),
    2,
  );
}
