/** The tables that explain the codes of each peer, for the command line. */
import { type CatalogueOf, type TableInForce, tablesOfPeers } from "../catalogue/by-peers.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Config } from "../settings/config.ts";
import { loadPeers, rulesOf } from "../settings/peers.ts";
import { loadReading } from "../settings/reading.ts";
import type { Peer } from "../smtp/peer.ts";
import { tell } from "./terminal.ts";

/** The table of one peer. Throws where there is no such peer, and one sentence for each fault of a file. */
export function tableOfPeer(config: Config, name: string): Catalogue {
  const peer = loadPeers(config).find((known) => known.name === name);
  if (!peer) throw new Error(`Cannot find the peer "${name}" (mm4d peers list)`);
  return loadReading(config).tableOf(peer.rules.catalogue);
}

/**
 * Finds the table of a peer, beside counts. Without the peers' file, which who asks may not be allowed to read, codes are
 * named as for a peer whose entry says nothing of them.
 */
export function findingTables(config: Config): CatalogueOf {
  const reading = loadReading(config);
  const peers = peersIn(config);
  return (peer) => (peers === null ? reading.catalogue : reading.tableOf(rulesOf(peers, peer).catalogue));
}

/** The tables that the peers in force use. Without the peers' file it is the catalogue. */
export function tablesInForce(config: Config): readonly TableInForce[] {
  const { catalogue, tableOf } = loadReading(config);
  const peers = peersIn(config);
  if (peers === null) return [{ table: catalogue, peers: [] }];
  return tablesOfPeers(
    peers.map(({ name }) => name),
    (peer) => tableOf(rulesOf(peers, peer).catalogue),
  );
}

/** Null where their file cannot be read, which is told. */
function peersIn(config: Config): readonly Peer[] | null {
  try {
    return loadPeers(config);
  } catch (cause) {
    tell(`${(cause as Error).message}: codes are named by the catalogue alone`);
    return null;
  }
}

/** Says which file with codes could not be read. */
export const TELL_UNREAD = {
  own: new Map<string, Catalogue>(),
  onUnread: (cause: Error) => tell(`${cause.message}: its codes are told without a table`),
};
