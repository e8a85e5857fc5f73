/** The peers in force: those of `MM4D_PEERS` or of the file that `MM4D_PEERS_FILE` names; without any, loopback. */
import { dirname, isAbsolute, join, resolve } from "node:path";
import { BOUNDS } from "../bounds/bounds.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import { NO_TABLE, VENDORS_TABLE } from "../delivery/code.ts";
import { ORDINARY_PEER } from "../delivery/peer-rules.ts";
import { err, ok, type Result } from "../result.ts";
import { readPasswordHash } from "../smtp/password.ts";
import type { Peer } from "../smtp/peer.ts";
import { doubtAboutLogin } from "./acknowledge-login.ts";
import { faultsAmongPeers, repeatedNetworks } from "./among-peers.ts";
import { loadOwnTable } from "./catalogue-file.ts";
import type { Config } from "./config.ts";
import { readJsonFile } from "./json-file.ts";
import { readNamedFile } from "./named-file.ts";
import { type Entry, parsePeers } from "./peers-schema.ts";
import { shown } from "./zod.ts";

/**
 * Gives at least one. Throws one sentence for each fault. `onFile` is called with the
 * name of each file before it is read, files with passwords and codes included; `onTable` with what a file with codes
 * holds.
 */
export function loadPeers(
  { peers, peersFile }: Pick<Config, "peers" | "peersFile">,
  onFile: (file: string) => void = () => {},
  onTable: (file: string, table: Catalogue) => void = () => {},
): readonly Peer[] {
  if (peersFile === "") {
    const faults = repeatedNetworks(
      peers.flatMap(({ name, networks }) => networks.map((network) => ({ name, network }))),
    );
    if (faults.length > 0) throw new Error(faults.map((fault) => `Cannot use MM4D_PEERS: ${fault}`).join("\n"));
    return peers.length === 0 ? [LOOPBACK] : peers.map(plainPeer);
  }
  onFile(peersFile);
  const readSecret = (name: string): string => {
    const file = isAbsolute(name) ? name : join(dirname(peersFile), name);
    onFile(file);
    return readNamedFile(file, BOUNDS.secretFileBytes.value).trim();
  };
  const checked = new Set<string>();
  const readTable = (name: string): string => {
    // It stands in records and in the trace, which other processes read, in directories of their own.
    const file = resolve(dirname(peersFile), name);
    if (checked.has(file)) return file;
    checked.add(file);
    onFile(file);
    try {
      onTable(file, loadOwnTable(file));
    } catch (cause) {
      throw new Error((cause as Error).message.replaceAll(`Cannot use ${file}: `, ""), { cause });
    }
    return file;
  };
  const read = readPeers(readJsonFile(peersFile), readSecret, readTable);
  if (!read.ok) throw new Error(read.error.map((fault) => `Cannot use ${peersFile}: ${fault}`).join("\n"));
  return read.value;
}

/**
 * Checks a parsed file: `{ "peers": [ … ] }`. Fails with a sentence for each
 * fault, which begins with where it is: `peers[0].addresses[1] is …`.
 * `readSecret` reads a file that the entry names, and `readTable` reads one with codes and gives the name under which it
 * is known; what they throw is a fault too.
 */
export function readPeers(
  json: unknown,
  readSecret: (file: string) => string,
  readTable: (file: string) => string = (file) => file,
): Result<readonly Peer[], readonly string[]> {
  const { entries, faults: ownFaults } = parsePeers(json);
  const faults = [...ownFaults, ...faultsAmongPeers(json)];
  const secret = <T>(path: string, file: string, read: (text: string) => T | undefined, what: string): T | null => {
    try {
      const value = read(readSecret(file));
      if (value === undefined) faults.push(`${path} is ${shown(file)}, must be a file that holds ${what}`);
      return value ?? null;
    } catch (cause) {
      faults.push(`${path} is ${shown(file)}, must be a file that can be read: ${(cause as Error).message}`);
      return null;
    }
  };
  const table = (path: string, name: string): string => {
    if (name === VENDORS_TABLE || name === NO_TABLE) return name;
    try {
      return readTable(name);
    } catch (cause) {
      const why = (cause as Error).message.split("\n");
      faults.push(...why.map((fault) => `${path} is ${shown(name)}, must be a file with codes in order: ${fault}`));
      return name;
    }
  };
  const complete = entries.map(({ entry, at }) => {
    const [theirs, ours] = [entry.auth, entry.acknowledge.auth];
    const hash = theirs && secret(`${at}.auth.passwordFile`, theirs.passwordFile, readPasswordHash, HASH);
    const password =
      ours && secret(`${at}.acknowledge.auth.passwordFile`, ours.passwordFile, unlessEmpty, "a password");
    return peerOf(
      { ...entry, catalogue: table(`${at}.catalogue`, entry.catalogue) },
      theirs && hash ? { user: theirs.user, password: hash } : null,
      ours && password ? { user: ours.user, password, withoutTls: ours.withoutTls } : null,
    );
  });
  return faults.length > 0 ? err(faults) : ok(complete);
}

/**
 * The rules by which messages of this peer are read. When none has this name they are those of an ordinary peer, and its
 * codes are explained by the vendor's table only where a peer in force uses that.
 */
export function rulesOf(peers: readonly Peer[], name: string): Peer["rules"] {
  let known = RULES_KNOWN.get(peers);
  if (known === undefined) {
    known = rulesByName(peers);
    RULES_KNOWN.set(peers, known);
  }
  return known.byName.get(name) ?? known.ofOthers;
}

interface RulesByName {
  readonly byName: ReadonlyMap<string, Peer["rules"]>;
  /** Of a peer that is not in force. */
  readonly ofOthers: Peer["rules"];
}

/** Each row of a page asks, and there may be ten thousand peers. A list of peers never changes: a new one is read. */
const RULES_KNOWN = new WeakMap<readonly Peer[], RulesByName>();

function rulesByName(peers: readonly Peer[]): RulesByName {
  const usesVendors = peers.some(({ rules }) => rules.catalogue === VENDORS_TABLE);
  return {
    byName: new Map(peers.map(({ name, rules }) => [name, rules])),
    // The vendor is not named to who has nothing to do with it.
    ofOthers: usesVendors ? ORDINARY_PEER : { ...ORDINARY_PEER, catalogue: NO_TABLE },
  };
}

/** A sentence for each entry that is in order and may still be a mistake. */
export function doubtsAbout(peers: readonly Peer[]): readonly string[] {
  return peers.flatMap(({ name, acknowledge }) => {
    const doubt = acknowledge.host === null ? null : doubtAboutLogin(acknowledge);
    return doubt === null ? [] : [`${name}: ${doubt}`];
  });
}

/** Whether a peer may deliver over TLS only. */
export function mustUseTls({ tls, auth, clientCertificate }: Peer): boolean {
  return tls === "required" || auth !== null || clientCertificate !== null;
}

function peerOf(entry: Entry, auth: Peer["auth"], acknowledgeAuth: Peer["acknowledge"]["auth"]): Peer {
  const { addresses, ...others } = entry;
  const { nanp, internationalPrefixes, swapAddresses, localLongCode, forwardedIsFinal, catalogue, ...same } = others;
  return {
    ...same,
    listed: true,
    networks: addresses,
    auth,
    acknowledge: { ...same.acknowledge, auth: acknowledgeAuth },
    rules: { nanp, internationalPrefixes, swapAddresses, localLongCode, forwardedIsFinal, catalogue },
  };
}

/** A peer whose entry has only a name and networks. A test compares it with the defaults of the schema. */
function plainPeer({ name, networks }: Pick<Peer, "name" | "networks">): Peer {
  return {
    name,
    networks,
    listed: true,
    tls: "optional",
    clientCertificate: null,
    auth: null,
    mailFromDomains: [],
    limits: { connections: null, messagesPerSecond: null, commands: null },
    acknowledge: {
      mode: "auto",
      host: null,
      port: 25,
      connections: 4,
      tls: "optional",
      auth: null,
      to: null,
      from: "system",
      bouncesFrom: [],
    },
    rules: ORDINARY_PEER,
    bareNewlines: false,
  };
}

/** This machine, when no peers are set. It is not listed, and has fewer rights. */
const LOOPBACK: Peer = {
  ...plainPeer({
    name: "loopback",
    networks: [
      { address: "127.0.0.0", prefix: 8, family: "ipv4" },
      { address: "::1", prefix: 128, family: "ipv6" },
    ],
  }),
  listed: false,
};

const HASH = 'a password\'s hash as "mm4d peers hash" prints it';

function unlessEmpty(text: string): string | undefined {
  return text === "" ? undefined : text;
}
