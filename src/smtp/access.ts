/** Who may connect: the peer that an address belongs to. */
import { BlockList, isIP } from "node:net";

export interface PeerNetworks {
  readonly name: string;
  readonly networks: readonly { readonly address: string; readonly prefix: number; readonly family: "ipv4" | "ipv6" }[];
}

/** The peer's name for an address; undefined for an address that is nobody's. */
export type FindPeer = (address: string) => string | undefined;

/** The name of whoever connects from this machine where no peers are set. */
export const LOOPBACK = "loopback";

/**
 * Looks peers up by address. Where their networks overlap, the longest prefix
 * wins. Without any peers only loopback may connect.
 */
export function createAccess(peers: readonly PeerNetworks[]): FindPeer {
  const listed = peers.length > 0 ? peers : [LOOPBACK_PEER];
  const rules = listed
    .flatMap(({ name, networks }) => networks.map((network) => ({ name, ...network })))
    .sort((a, b) => b.prefix - a.prefix)
    .map(({ name, address, prefix, family }) => {
      const list = new BlockList();
      list.addSubnet(address, prefix, family);
      return { name, family, list };
    });

  return (address) => {
    // A listener on "::" tells IPv4 clients as ::ffff:192.0.2.1.
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    // A client that was gone before it was looked at has no address.
    if (isIP(plain) === 0) return undefined;
    const family = plain.includes(":") ? "ipv6" : "ipv4";
    return rules.find((rule) => rule.family === family && rule.list.check(plain, family))?.name;
  };
}

const LOOPBACK_PEER: PeerNetworks = {
  name: LOOPBACK,
  networks: [
    { address: "127.0.0.0", prefix: 8, family: "ipv4" },
    { address: "::1", prefix: 128, family: "ipv6" },
  ],
};
