/** What may be written for a setting. Each reader gives the value of a text, or undefined when the text is not of its type. */
import { isIP } from "node:net";
import { type FanOut, readFanOut } from "../delivery/fan-out.ts";
import { type Network, readNetworks } from "../smtp/network.ts";
import { readRedisUrl } from "./redis-url.ts";

export interface SentinelAddress {
  readonly host: string;
  readonly port: number;
}

export interface PeerSetting {
  readonly name: string;
  readonly networks: readonly Network[];
}

const SENTINEL_PORT = 26_379;

export function wholeNumber(least: number, most: number) {
  return {
    type: `a whole number from ${least} to ${most}`,
    read: (text: string): number | undefined => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

export function oneOf<const Choice extends string>(...choices: readonly Choice[]) {
  return {
    type: `one of ${choices.join(", ")}`,
    read: (text: string): Choice | undefined => choices.find((choice) => choice === text),
  };
}

export function redisUrlOf(text: string): string | null | undefined {
  if (text === "") return null;
  return readRedisUrl(text).ok ? text : undefined;
}

export function redisUrlFault(text: string): string {
  const read = readRedisUrl(text);
  return read.ok ? "" : read.error;
}

export function readSentinels(text: string): readonly SentinelAddress[] | undefined {
  if (text.trim() === "") return [];
  const sentinels = text.split(",").map((entry) => {
    const [, bracketed, plain, digits] =
      /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(entry.trim()) ?? [];
    const host = bracketed ?? plain;
    const port = digits === undefined ? SENTINEL_PORT : Number(digits);
    return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
  });
  return sentinels.every((sentinel) => sentinel !== undefined) ? sentinels : undefined;
}

export function readHost(text: string): string | undefined {
  return /^[a-z0-9:._-]{1,253}$/i.test(text) ? text : undefined;
}

/**
 * A host that is to be found: an address, or a name as RFC 1123 §2.1 has it, and as resolvers take it, with "_". A name
 * whose last label is a number can only be an address that was mistyped.
 */
export function readHostOrAddress(text: string): string | undefined {
  if (isIP(text) !== 0) return text;
  const labels = withoutRootDot(text).split(".");
  const isName = text.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? "");
  return isName ? text : undefined;
}

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i;

export function withoutColon(text: string): string | undefined {
  return /^[^:\s]{1,100}$/.test(text) ? text : undefined;
}

export function readDomains(text: string): readonly string[] | undefined {
  if (text.trim() === "") return [];
  const domains = text.split(",").map((domain) => withoutRootDot(domain.trim().toLowerCase()));
  return domains.every(isDomain) ? domains : undefined;
}

/** A name, or an address, which RFC 5321 §4.1.3 puts in brackets. */
function isDomain(text: string): boolean {
  const [, address = text] = /^\[(?:ipv6:)?([0-9a-f:.]+)\]$/.exec(text) ?? [];
  return isIP(address) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text);
}

/** The same name without the dot of the root. RFC 1034 §3.1. */
export function withoutRootDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

export function readQueues(text: string): readonly FanOut[] | undefined {
  if (text.trim() === "") return [];
  const queues = text.split(",").map(readFanOut);
  if (!queues.every((queue) => queue !== undefined)) return undefined;
  return new Set(queues.map(({ queue }) => queue)).size === queues.length ? queues : undefined;
}

export function readPeers(text: string): readonly PeerSetting[] | undefined {
  const peers: PeerSetting[] = [];
  for (const entry of text.split(";")) {
    if (entry.trim() === "") continue;
    const [, written = "", list = ""] = /^([^=]*)=(.*)$/.exec(entry) ?? [];
    const name = readPeerName(written.trim());
    const networks = list.trim() === "" ? undefined : readNetworks(list);
    if (name === undefined || networks === undefined || peers.some((peer) => peer.name === name)) return undefined;
    peers.push({ name, networks });
  }
  return peers;
}

/** A peer's name; undefined when it is none. The name of the default for loopback is taken. */
export function readPeerName(text: string): string | undefined {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/i.test(text) && text !== "loopback" ? text : undefined;
}

/** Whether a host can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
