/** Whose an address is. */
import { BlockList, isIP, isIPv6 } from "node:net";
import type { Peer } from "./peer.ts";

/** A network that a peer connects from. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** The peer that an address belongs to; undefined when it belongs to none. */
export type FindPeer = (address: string) => Peer | undefined;

/** Looks peers up by address. Where their networks overlap, the longest prefix wins. */
export function createAccess(peers: readonly Peer[]): FindPeer {
  const rules = peers
    .flatMap((peer) => peer.networks.map((network) => ({ peer, ...network })))
    .sort((a, b) => b.prefix - a.prefix)
    .map(({ peer, ...network }) => ({ peer, contains: createNetworks([network]) }));
  return (address) => rules.find(({ contains }) => contains(address))?.peer;
}

/** Whether an address is in one of some networks. */
export function createNetworks(networks: readonly Network[]): (address: string) => boolean {
  const list = new BlockList();
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
  return (address) => {
    const plain = plainAddress(address);
    // A client that was gone before it was looked at has no address.
    return isIP(plain) !== 0 && list.check(plain, plain.includes(":") ? "ipv6" : "ipv4");
  };
}

/** A listener on "::" tells IPv4 clients as ::ffff:192.0.2.1. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** The name under which an address is listed and its failures are counted. Of IPv6 it is the /64, because a client that has one address has all of these. */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [front = "", back = ""] = plain.split("::");
  const groups = (part: string): readonly string[] => part.split(":").filter((group) => group !== "");
  const missing = plain.includes("::") ? 8 - groups(front).length - groups(back).length : 0;
  const all = [...groups(front), ...Array(Math.max(missing, 0)).fill("0"), ...groups(back)];
  return `${all.slice(0, 4).join(":")}::/64`;
}
