/** The peers in force: those of `MM4D_PEERS` or of the file that `MM4D_PEERS_FILE` names; without any, loopback. */
import { createRequire } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import type { z } from "zod";
import { doubtAboutLogin } from "../acknowledgement/mmsc-client.ts";
import { BOUNDS } from "../bounds/bounds.ts";
import { ORDINARY_PEER } from "../delivery/peer-rules.ts";
import { readMailbox } from "../mm4/address.ts";
import { err, ok, type Result } from "../result.ts";
import { createNetworks } from "../smtp/access.ts";
import { canonicalDomain } from "../smtp/domain.ts";
import { readPasswordHash } from "../smtp/password.ts";
import type { Peer } from "../smtp/peer.ts";
import { type Config, type Network, readNetwork, readPeerName } from "./config.ts";
import { readJsonFile } from "./json-file.ts";
import { readNamedFile } from "./named-file.ts";

/**
 * At least one. Throws one sentence for each fault. `onFile` is told the name of
 * each file before it is read, password files included.
 */
export function loadPeers(
  { peers, peersFile }: Pick<Config, "peers" | "peersFile">,
  onFile: (file: string) => void = () => {},
): readonly Peer[] {
  if (peersFile === "") {
    const faults = repeatedNetworks(
      peers.flatMap(({ name, networks }) => networks.map((network) => ({ name, network }))),
    );
    if (faults.length > 0) throw new Error(faults.map((fault) => `Cannot use MM4D_PEERS: ${fault}`).join("\n"));
    return peers.length === 0 ? [LOOPBACK] : peers.map(plainPeer);
  }
  onFile(peersFile);
  const read = readPeers(readJsonFile(peersFile), (name) => {
    const file = isAbsolute(name) ? name : join(dirname(peersFile), name);
    onFile(file);
    return readNamedFile(file, BOUNDS.secretFileBytes.value).trim();
  });
  if (!read.ok) throw new Error(read.error.map((fault) => `Cannot use ${peersFile}: ${fault}`).join("\n"));
  return read.value;
}

/**
 * Checks a parsed file: `{ "peers": [ … ] }`. Fails with a sentence for each
 * fault, which begins with where it is: `peers[0].addresses[1] is …`.
 * `readSecret` reads a file that the entry names; what it throws is a fault too.
 */
export function readPeers(
  json: unknown,
  readSecret: (file: string) => string,
): Result<readonly Peer[], readonly string[]> {
  const parsed = peersSchema().safeParse(json);
  if (!parsed.success) return err(parsed.error.issues.flatMap((issue) => describeIssue(issue, json)));

  const { peers } = parsed.data;
  const places = peers.flatMap(({ addresses }, index) =>
    addresses.map((network, position) => ({ name: `peers[${index}].addresses[${position}]`, network })),
  );
  const faults = [...repeatedNames(peers), ...repeatedNetworks(places), ...unknownBouncers(peers)];
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
  const complete = peers.map((entry, index) => {
    const at = `peers[${index}]`;
    const [theirs, ours] = [entry.auth, entry.acknowledge.auth];
    const hash = theirs && secret(`${at}.auth.passwordFile`, theirs.passwordFile, readPasswordHash, HASH);
    const password =
      ours && secret(`${at}.acknowledge.auth.passwordFile`, ours.passwordFile, unlessEmpty, "a password");
    return peerOf(
      entry,
      theirs && hash ? { user: theirs.user, password: hash } : null,
      ours && password ? { user: ours.user, password, withoutTls: ours.withoutTls } : null,
    );
  });
  return faults.length > 0 ? err(faults) : ok(complete);
}

/** How messages of a peer of this name are read; as an ordinary peer's when there is none. */
export function rulesOf(peers: readonly Peer[], name: string): Peer["rules"] {
  return peers.find((peer) => peer.name === name)?.rules ?? ORDINARY_PEER;
}

/** What is in order and may not be what was meant: a sentence each, for whoever looks after the file. */
export function doubtsAbout(peers: readonly Peer[]): readonly string[] {
  return peers.flatMap(({ name, acknowledge }) => {
    const doubt = acknowledge.host === null ? null : doubtAboutLogin(acknowledge);
    return doubt === null ? [] : [`${name}: ${doubt}`];
  });
}

/** Whether it may deliver over TLS only. */
export function mustUseTls({ tls, auth, clientCertificate }: Peer): boolean {
  return tls === "required" || auth !== null || clientCertificate !== null;
}

const must = (what: string) => ({ error: () => what });

/** Zod takes a quarter of a service's start, and most need it for no file. */
let schema: ReturnType<typeof createSchema> | undefined;
function peersSchema(): ReturnType<typeof createSchema> {
  schema ??= createSchema((createRequire(import.meta.url)("zod") as typeof import("zod")).z);
  return schema;
}

function createSchema(z: typeof import("zod").z) {
  const switchedOff = z.boolean(must("true or false")).default(false);
  const word = (what: string) => z.string(must(what)).regex(/^[^\p{Cc}]{1,255}$/u, must(what));
  const login = z
    .strictObject(
      { user: word("a user's name"), passwordFile: word("the path of a file") },
      must("null or an object with user and passwordFile"),
    )
    .nullable()
    .default(null);
  const OUR_LOGIN = "null or an object with user, passwordFile and perhaps withoutTls";
  const ourLogin = z
    .strictObject(
      { user: word("a user's name"), passwordFile: word("the path of a file"), withoutTls: switchedOff },
      must(OUR_LOGIN),
    )
    .nullable()
    .default(null);
  const tlsMode = z.enum(["off", "optional", "required"], must('one of "off", "optional", "required"'));
  const domain = z
    .string(must("a domain"))
    .transform(canonicalDomain)
    .pipe(z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$|^\[[0-9a-f:.]{2,39}\]$/, must("a domain")));
  const HOW_MANY = "null or a whole number from 1 to 1000000";
  const howMany = z.int(must(HOW_MANY)).min(1, must(HOW_MANY)).max(1_000_000, must(HOW_MANY)).nullable().default(null);
  const COMMANDS = "null or a whole number from 10 to 1000000";
  const commands = z
    .int(must(COMMANDS))
    .min(10, must(COMMANDS))
    .max(1_000_000, must(COMMANDS))
    .nullable()
    .default(null);

  const ADDRESS = "an IP address or a network, such as 192.0.2.0/24 or 2001:db8::/32";
  const network = z.string(must(ADDRESS)).transform((text, context): Network => {
    const read = readNetwork(text);
    if (read) return read;
    context.addIssue({ code: "custom", message: ADDRESS, input: text });
    return z.NEVER;
  });

  const FINGERPRINT = "the SHA-256 fingerprint of a certificate, 64 hexadecimal digits";
  const clientCertificate = z
    .strictObject(
      {
        fingerprint: z
          .string(must(FINGERPRINT))
          .transform((text) => text.replaceAll(":", "").toLowerCase())
          .pipe(z.string().regex(/^[0-9a-f]{64}$/, must(FINGERPRINT)))
          .nullable()
          .default(null),
        subject: word("the common name of a certificate").nullable().default(null),
      },
      must("null or an object with fingerprint or subject"),
    )
    .refine(
      ({ fingerprint, subject }) => fingerprint !== null || subject !== null,
      must("an object with fingerprint or subject"),
    )
    .nullable()
    .default(null);

  const limits = z
    .strictObject({ connections: howMany, messagesPerSecond: howMany, commands }, must("an object"))
    .prefault({});

  const CONNECTIONS = "a whole number from 1 to 100";
  const MAILBOX = "null or an address, such as system-user@mmsc.example";
  const acknowledge = z
    .strictObject(
      {
        mode: z.enum(["off", "auto", "always"], must('one of "off", "auto", "always"')).default("auto"),
        host: word("null or a host name").nullable().default(null),
        port: z
          .int(must("a port"))
          .min(1, must("a port from 1 to 65535"))
          .max(65_535, must("a port from 1 to 65535"))
          .default(25),
        connections: z.int(must(CONNECTIONS)).min(1, must(CONNECTIONS)).max(100, must(CONNECTIONS)).default(4),
        tls: z
          .enum(["off", "optional", "required", "implicit"], must('one of "off", "optional", "required", "implicit"'))
          .default("optional"),
        auth: ourLogin,
        to: z
          .string(must(MAILBOX))
          .transform((text) => text.replace(/\.$/, ""))
          .pipe(z.string().refine((text) => readMailbox(text) === text, must(MAILBOX)))
          .nullable()
          .default(null),
        from: z.enum(["system", "plmn", "null"], must('one of "system", "plmn", "null"')).default("system"),
        bouncesFrom: z.array(word("a peer's name"), must("a list of peers' names")).default([]),
      },
      must("an object"),
    )
    .prefault({});

  const NAME = 'a name of letters, digits, ".", "_" and "-", and not "loopback"';
  const PREFIX = 'an international prefix, such as "00" or "011"';
  const prefix = z.string(must(PREFIX)).regex(/^\d{2,5}$/, must(PREFIX));
  const ENTRY = z.strictObject(
    {
      name: z.string(must(NAME)).refine((text) => readPeerName(text) !== undefined, must(NAME)),
      addresses: z.array(network, must("a list of networks")).min(1, must("a list of at least one network")),
      tls: tlsMode.default("optional"),
      clientCertificate,
      auth: login,
      mailFromDomains: z.array(domain, must("a list of domains")).default([]),
      limits,
      acknowledge,
      swapAddresses: switchedOff,
      forwardedIsFinal: switchedOff,
      localLongCode: switchedOff,
      nanp: switchedOff,
      internationalPrefixes: z
        .array(prefix, must("a list of prefixes"))
        .max(10, must("a list of 10 at most"))
        .default([]),
      bareNewlines: switchedOff,
    },
    must("an object with at least name and addresses"),
  );
  return z.strictObject(
    { peers: z.array(ENTRY, must("a list of peers")).min(1, must("a list of at least one peer")) },
    must('an object with "peers"'),
  );
}
type Entry = z.output<ReturnType<typeof createSchema>>["peers"][number];

function peerOf(entry: Entry, auth: Peer["auth"], acknowledgeAuth: Peer["acknowledge"]["auth"]): Peer {
  const { addresses, nanp, internationalPrefixes, swapAddresses, localLongCode, forwardedIsFinal, ...same } = entry;
  return {
    ...same,
    listed: true,
    networks: addresses,
    auth,
    acknowledge: { ...same.acknowledge, auth: acknowledgeAuth },
    rules: { nanp, internationalPrefixes, swapAddresses, localLongCode, forwardedIsFinal },
  };
}

/** A peer whose entry says nothing but its name and its networks: the defaults of the schema, which a test compares. */
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

/** Whoever connects from this machine where no peers are set. It is not listed, and has fewer rights. */
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

function repeatedNames(peers: readonly Entry[]): readonly string[] {
  const names = peers.map(({ name }) => name);
  return names.flatMap((name, index) =>
    names.indexOf(name) < index ? [`peers[${index}].name is ${shown(name)} as another's is, must be its own`] : [],
  );
}

/** A name that is misspelt would let no bounce through, in silence. */
function unknownBouncers(peers: readonly Entry[]): readonly string[] {
  const names = new Set(peers.map(({ name }) => name));
  return peers.flatMap(({ acknowledge }, index) =>
    acknowledge.bouncesFrom.flatMap((name, position) =>
      names.has(name)
        ? []
        : [`peers[${index}].acknowledge.bouncesFrom[${position}] is ${shown(name)}, must be the name of a peer`],
    ),
  );
}

/** Two peers in the same place: which of them it is could not be told. However they are written. */
function repeatedNetworks(places: readonly { readonly name: string; readonly network: Network }[]): readonly string[] {
  const faults: string[] = [];
  const seen: { name: string; network: Network; contains: (address: string) => boolean }[] = [];
  for (const { name, network } of places) {
    const same = seen.find((other) => other.network.prefix === network.prefix && other.contains(network.address));
    const written = `"${network.address}/${network.prefix}"`;
    if (same) faults.push(`${name} is ${written} as ${same.name} is, must be in one place`);
    seen.push({ name, network, contains: createNetworks([network]) });
  }
  return faults;
}

/** One sentence for each fault in one of zod's issues. */
function describeIssue(issue: z.core.$ZodIssue, json: unknown): readonly string[] {
  const path = issue.path.reduce<string>(
    (before, key) =>
      typeof key === "number" ? `${before}[${key}]` : `${before}${before === "" ? "" : "."}${String(key)}`,
    "",
  );
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${path === "" ? "" : `${path}.`}${key} is no option, must be a known one`);
  }
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], json);
  return [
    `${path === "" ? "the whole" : path} is ${value === undefined ? "missing" : shown(value)}, must be ${issue.message}`,
  ];
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
