/** What a code means to the peers that sent it, because each of them may have a table of its own. */
import type { CodeEntry } from "../delivery/code.ts";
import type { Catalogue } from "./catalogue.ts";

/** Finds the table of a peer by the peer's name. */
export type CatalogueOf = (peer: string) => Catalogue;

/** What one table says of a code, and which of the peers use it. */
export interface SaidOfCode {
  readonly entry: CodeEntry;
  readonly peers: readonly string[];
}

/** A table, and which of the peers use it. */
export interface TableInForce {
  readonly table: Catalogue;
  readonly peers: readonly string[];
}

/** The tables of these peers, each once, in the order of the peers. */
export function tablesOfPeers(peers: readonly string[], catalogueOf: CatalogueOf): readonly TableInForce[] {
  const users = new Map<Catalogue, string[]>();
  for (const peer of peers) {
    const table = catalogueOf(peer);
    const its = users.get(table);
    if (its) its.push(peer);
    else users.set(table, [peer]);
  }
  return [...users].map(([table, who]) => ({ table, peers: who }));
}

/** What the tables of these peers say of a code: once for each table, in the order of the peers. */
export function saidToPeers(code: number, peers: readonly string[], catalogueOf: CatalogueOf): readonly SaidOfCode[] {
  return tablesOfPeers(peers, catalogueOf).map(({ table, peers: who }) => ({
    entry: table.findCode(code),
    peers: who,
  }));
}

/** A code's name; where the tables of these peers differ, each name with whose it is. */
export function nameForPeers(code: number, peers: readonly string[], catalogueOf: CatalogueOf): string {
  const said = saidToPeers(code, peers, catalogueOf);
  const names = said.map(({ entry }) => (entry.name === String(code) ? "not explained" : entry.name));
  const [first = ""] = names;
  if (new Set(names).size <= 1) return first;
  return said.map(({ peers: who }, index) => `${names[index]} (${namesOf(who)})`).join("; ");
}

/** The names of some peers: of many the first, and how many more there are. */
export function namesOf(peers: readonly string[]): string {
  const more = peers.length - PEERS_NAMED;
  return more <= 1 ? peers.join(", ") : `${peers.slice(0, PEERS_NAMED).join(", ")} and ${more} more`;
}

const PEERS_NAMED = 3;
