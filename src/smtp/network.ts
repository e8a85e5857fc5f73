/** Networks, as settings write them. */
import { isIP } from "node:net";

/** A network that a peer connects from. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** Reads addresses and networks with commas between them; undefined when one of them is neither. */
export function readNetworks(text: string): readonly Network[] | undefined {
  if (text.trim() === "") return [];
  const networks = text.split(",").map((network) => readNetwork(network.trim()));
  return networks.every((network) => network !== undefined) ? networks : undefined;
}

/** Reads an address, or a network in CIDR form; undefined for any other text. IPv4 within IPv6 is not accepted. */
export function readNetwork(text: string): Network | undefined {
  const [, address, length] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const version = address === undefined ? 0 : isIP(address);
  if (address === undefined || version === 0 || /^::ffff:/i.test(address)) return undefined;
  const bits = version === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : Number(length);
  return prefix <= bits ? { address, prefix, family: version === 4 ? "ipv4" : "ipv6" } : undefined;
}

/**
 * A network's name, the same however it is written, and behind it those of networks as long that hold it too in the
 * other family: an IPv4 address is also the IPv6 address ::ffff:192.0.2.1.
 */
export function namesOfNetwork({ address, prefix, family }: Network): readonly string[] {
  const name = (of: Network["family"], bits: bigint): string =>
    `${of} ${bits >> BigInt(Math.max(0, BITS[of] - prefix))}/${prefix}`;
  if (family === "ipv4") {
    const bits = bitsOfIpv4(address);
    return [name("ipv4", bits), name("ipv6", (MAPPED << 32n) | bits)];
  }
  const bits = bitsOfIpv6(address);
  return [name("ipv6", bits), ...(bits >> 32n === MAPPED ? [name("ipv4", bits & 0xffff_ffffn)] : [])];
}

const BITS = { ipv4: 32, ipv6: 128 } as const;
/** What stands before an IPv4 address that is written as an IPv6 address (RFC 4291 §2.5.5.2). */
const MAPPED = 0xffffn;
const IPV6_GROUPS = 8;

function bitsOfIpv4(address: string): bigint {
  return address.split(".").reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function bitsOfIpv6(address: string): bigint {
  const [front = [], back = []] = address.split("::").map((part) => part.split(":").flatMap(groupsOf));
  const between = Array<bigint>(IPV6_GROUPS - front.length - back.length).fill(0n);
  return [...front, ...between, ...back].reduce((bits, group) => (bits << 16n) | group, 0n);
}

/** Two of what is written as an IPv4 address, which an IPv6 address may end with. */
function groupsOf(group: string): readonly bigint[] {
  if (group === "") return [];
  if (!group.includes(".")) return [BigInt(`0x${group}`)];
  const bits = bitsOfIpv4(group);
  return [bits >> 16n, bits & 0xffffn];
}
