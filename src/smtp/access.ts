/** Which peer an address belongs to. */
import { BlockList, isIP, isIPv6 } from "node:net";
import type { Network } from "./network.ts";
import type { Peer } from "./peer.ts";

/** The peer that an address belongs to; undefined when it belongs to none. */
export type FindPeer = (address: string) => Peer | undefined;

/** How many addresses are remembered with their peers, because a relay comes again and again from the same few. */
const REMEMBERED = 1_000;

/** Looks peers up by address. Where their networks overlap, the longest prefix wins. */
export function createAccess(peers: readonly Peer[]): FindPeer {
  const rules = peers
    .flatMap((peer) => peer.networks.map((network) => ({ peer, ...network })))
    .sort((a, b) => b.prefix - a.prefix)
    .map(({ peer, ...network }) => ({ peer, contains: createNetworks([network]) }));
  const known = new Map<string, Peer>();
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const peer = rules.find(({ contains }) => contains(address))?.peer;
    if (peer !== undefined && known.size < REMEMBERED) known.set(address, peer);
    return peer;
  };
}

/** Makes the test whether an address is in one of these networks. */
export function createNetworks(networks: readonly Network[]): (address: string) => boolean {
  // Most services have no balancer, and each connection would be made an address to be looked up.
  if (networks.length === 0) return () => false;
  const list = new BlockList();
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
  return (address) => {
    const plain = plainAddress(address);
    // A client that left before we looked at it has no address.
    return isIP(plain) !== 0 && list.check(plain, plain.includes(":") ? "ipv6" : "ipv4");
  };
}

/** A listener on "::" gives an IPv4 client's address as ::ffff:192.0.2.1. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/**
 * The name under which an address is listed and its failures are counted. An IPv6 address has that of its /64,
 * because a client that has one address of it has them all.
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [front = "", back = ""] = plain.split("::");
  const groups = (part: string): readonly string[] => part.split(":").filter((group) => group !== "");
  const missing = plain.includes("::") ? 8 - groups(front).length - groups(back).length : 0;
  const all = [...groups(front), ...Array(Math.max(missing, 0)).fill("0"), ...groups(back)];
  return `${all.slice(0, 4).join(":")}::/64`;
}
