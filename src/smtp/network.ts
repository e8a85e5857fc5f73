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
