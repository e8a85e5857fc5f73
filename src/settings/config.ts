/**
 * Every setting, in one table: environment name, default, bounds and one
 * sentence with the unit. docs/settings.md and `mm4d config` are printed from it.
 */
import { isIP } from "node:net";
import { availableParallelism, hostname } from "node:os";
import { createSecureContext } from "node:tls";
import { BOUNDS } from "../bounds/bounds.ts";
import { type FanOut, readFanOut } from "../delivery/fan-out.ts";
import { readMailbox } from "../mm4/address.ts";
import { err, ok, type Result } from "../result.ts";
import { visible } from "../text/visible.ts";
import { readNamedFile } from "./named-file.ts";
import { readRedisUrl } from "./redis-url.ts";
import { isServiceLink, serviceOf } from "./service-links.ts";

interface Setting<T> {
  readonly env: string;
  /** As it would be written in the environment. Empty: not set. */
  readonly fallback: string;
  /** What docs/settings.md says instead of a default that differs by machine. */
  readonly fallbackShown?: string;
  /** What may be written there. Completes "must be". */
  readonly type: string;
  readonly about: string;
  /** Masked wherever it is printed; may also be given as a file, under the name with `_FILE`. */
  readonly secret?: boolean;
  /** The value of a text; throws nothing, undefined when the text is not of the type. */
  readonly read: (text: string) => T | undefined;
  /** What is wrong with a text that cannot be read, and what it must be: the end of a sentence that shows nothing secret. */
  readonly fault?: (text: string) => string;
}

/** A network that a peer connects from. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

export interface SentinelAddress {
  readonly host: string;
  readonly port: number;
}

export interface PeerSetting {
  readonly name: string;
  readonly networks: readonly Network[];
}

/** The least severe first. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** More than one Redis keeps up with. */
const MAX_PROCESSES = 64;
const SENTINEL_PORT = 26_379;
const YEAR_OF_HOURS = 8_784;
const DAY_MS = 86_400_000;

export const SETTINGS = {
  redisUrl: {
    env: "REDIS_URL",
    fallback: "",
    fallbackShown: "an embedded Redis",
    type: "a URL that begins with redis:// or rediss://",
    about: "Redis that holds the queue. Without it mm4d starts one of its own, with its data under the data directory.",
    secret: true,
    read: redisUrlOf,
    fault: redisUrlFault,
  },
  redisTlsCertFile: {
    env: "MM4D_REDIS_TLS_CERT_FILE",
    fallback: "",
    fallbackShown: "none",
    type: "a path",
    about:
      "Certificate with its chain, PEM, that we show to a Redis, and to sentinels, that ask for one. Read again at each new connection.",
    read: (text: string) => text,
  },
  redisTlsKeyFile: {
    env: "MM4D_REDIS_TLS_KEY_FILE",
    fallback: "",
    fallbackShown: "none",
    type: "a path",
    about: "Its private key, PEM.",
    read: (text: string) => text,
  },
  redisTlsCaFile: {
    env: "MM4D_REDIS_TLS_CA_FILE",
    fallback: "",
    fallbackShown: "those that Node.js knows",
    type: "a path",
    about: "Authorities of the certificates of Redis and of its sentinels, PEM.",
    read: (text: string) => text,
  },
  redisSentinels: {
    env: "MM4D_REDIS_SENTINELS",
    fallback: "",
    fallbackShown: "none",
    type: "host:port of each sentinel, separated by commas",
    about:
      "Sentinels that know which Redis is the master. REDIS_URL then tells its user, password, database and TLS only.",
    read: readSentinels,
  },
  redisMaster: {
    env: "MM4D_REDIS_MASTER",
    fallback: "mymaster",
    type: "a name without blanks",
    about: "Name by which the sentinels know the master.",
    read: (text: string) => (/^\S{1,255}$/.test(text) ? text : undefined),
  },
  redisSentinelUser: {
    env: "MM4D_REDIS_SENTINEL_USER",
    fallback: "",
    fallbackShown: "the default user",
    type: "a name without blanks",
    about: "User of the sentinels themselves, where they have users.",
    read: (text: string) => (/^\S{0,255}$/.test(text) ? text : undefined),
  },
  redisSentinelPassword: {
    env: "MM4D_REDIS_SENTINEL_PASSWORD",
    fallback: "",
    fallbackShown: "none",
    type: "a password",
    about: "Password of the sentinels themselves.",
    secret: true,
    read: (text: string) => text,
  },
  redisChecks: {
    env: "MM4D_REDIS_CHECKS",
    fallback: "enforce",
    ...oneOf("enforce", "warn"),
    about:
      "What becomes of reports while Redis may evict jobs (maxmemory-policy): enforce puts nothing on the queue, warn goes on.",
  },
  smtpHost: {
    env: "MM4D_SMTP_HOST",
    fallback: "127.0.0.1",
    type: "an IP address or a host name",
    about: "Address on which SMTP listens.",
    read: readHost,
  },
  smtpPort: {
    env: "MM4D_SMTP_PORT",
    fallback: "2525",
    ...wholeNumber(0, 65_535),
    about: "Port on which SMTP listens; 0 picks a free one.",
  },
  adminHost: {
    env: "MM4D_ADMIN_HOST",
    fallback: "127.0.0.1",
    type: "an IP address or a host name",
    about: "Address on which HTTP for operators listens.",
    read: readHost,
  },
  adminPort: {
    env: "MM4D_ADMIN_PORT",
    fallback: "8025",
    ...wholeNumber(0, 65_535),
    about: "Port on which HTTP for operators listens; 0 picks a free one.",
  },
  adminToken: {
    env: "MM4D_ADMIN_TOKEN",
    fallback: "",
    fallbackShown: "none",
    type: "at least 16 characters",
    about:
      "What an operator logs in with on the page. Without it the page is read-only, and HTTP listens on loopback only.",
    secret: true,
    read: (text: string) => (text === "" || text.length >= 16 ? text : undefined),
  },
  hostname: {
    env: "MM4D_HOSTNAME",
    fallback: hostname(),
    fallbackShown: "the machine's name",
    type: "a host name",
    about: "Name by which the SMTP server greets.",
    read: (text: string) => readHost(withoutRootDot(text)),
  },
  domain: {
    env: "MM4D_DOMAIN",
    fallback: "",
    fallbackShown: "every domain",
    type: "host names or addresses such as [192.0.2.1], separated by commas",
    about:
      "Domains whose recipients are accepted, beside the address of ours that a client is connected to; the first one names the source of events.",
    read: readDomains,
  },
  peersFile: {
    env: "MM4D_PEERS_FILE",
    fallback: "",
    fallbackShown: "none",
    type: "a path",
    about:
      "JSON file with the peers and what each may do, instead of MM4D_PEERS; read again when it changes and at SIGHUP.",
    read: (text: string) => text,
  },
  proxies: {
    env: "MM4D_PROXIES",
    fallback: "",
    fallbackShown: "none",
    type: "IP addresses or networks, separated by commas",
    about: "Balancers whose connections begin with a PROXY header (version 1 or 2) that tells whose they are.",
    read: readNetworks,
  },
  tlsCertFile: {
    env: "MM4D_TLS_CERT_FILE",
    fallback: "",
    fallbackShown: "none",
    type: "a path",
    about:
      "Our certificate with its chain, PEM. Without one TLS is not offered. Read again when it changes and at SIGHUP.",
    read: (text: string) => text,
  },
  tlsKeyFile: {
    env: "MM4D_TLS_KEY_FILE",
    fallback: "",
    fallbackShown: "none",
    type: "a path",
    about: "Its private key, PEM.",
    read: (text: string) => text,
  },
  tlsCaFile: {
    env: "MM4D_TLS_CA_FILE",
    fallback: "",
    fallbackShown: "those that Node.js knows",
    type: "a path",
    about: "Authorities of client certificates that peers' entries name by subject, PEM.",
    read: (text: string) => text,
  },
  tlsCiphers: {
    env: "MM4D_TLS_CIPHERS",
    fallback:
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
    fallbackShown: "ECDHE with AES-GCM or ChaCha20",
    type: "names of cipher suites that OpenSSL knows (openssl ciphers -v ALL), separated by colons, perhaps with @SECLEVEL=0 behind them",
    about:
      "Cipher suites of TLS 1.2 that SMTP takes, the best first, for relays that know older ones only. TLS 1.3 has its own three, unless some of them (`TLS_…`) are named.",
    read: readCiphers,
  },
  smtpsPort: {
    env: "MM4D_SMTPS_PORT",
    fallback: "",
    fallbackShown: "none",
    type: "a whole number from 0 to 65535",
    about: "Port on which SMTP with TLS from the beginning listens; 0 picks a free one.",
    read: (text: string) => (text === "" ? null : wholeNumber(0, 65_535).read(text)),
  },
  peers: {
    env: "MM4D_PEERS",
    fallback: "",
    fallbackShown: "loopback only",
    type: 'name=CIDR,CIDR; name=CIDR with each name once, and none of them "loopback"',
    about: "Peers that may connect, each with the networks it connects from.",
    read: readPeers,
  },
  dataDir: {
    env: "MM4D_DATA_DIR",
    fallback: "./data",
    type: "a path",
    about: "Directory of the journal and of the embedded Redis. It belongs to one service.",
    read: (text: string) => text,
  },
  processes: {
    env: "MM4D_PROCESSES",
    fallback: "1",
    type: `a whole number from 1 to ${MAX_PROCESSES}, or auto`,
    about:
      "How many processes take reports on the same ports; auto for one a core. Each has its own journal, and limits of connections and messages count in each.",
    read: (text: string) =>
      text === "auto" ? Math.min(availableParallelism(), MAX_PROCESSES) : wholeNumber(1, MAX_PROCESSES).read(text),
  },
  queue: {
    env: "MM4D_QUEUE",
    fallback: "mm4-delivery-events",
    type: "a name without a colon",
    about: "BullMQ queue on which events are published.",
    read: withoutColon,
  },
  queues: {
    env: "MM4D_QUEUES",
    fallback: "",
    fallbackShown: "none",
    type: "name:filter of each, separated by commas, with names of their own and filters such as * or final&tag=spam|opt-out",
    about:
      "Further queues, each of which is given its own copy of the events that fit: `billing:final, fraud:tag=spam, analytics:*`.",
    read: readQueues,
  },
  queuePrefix: {
    env: "MM4D_QUEUE_PREFIX",
    fallback: "bull",
    type: "a name without a colon",
    about: "Prefix of the queue's Redis keys.",
    read: withoutColon,
  },
  dedupeHours: {
    env: "MM4D_DEDUPE_HOURS",
    fallback: "24",
    ...wholeNumber(1, YEAR_OF_HOURS),
    about: "How long an event id is remembered, in hours: within it the same report is queued once.",
  },
  jobAttempts: {
    env: "MM4D_JOB_ATTEMPTS",
    fallback: "10",
    ...wholeNumber(1, 1_000),
    about: "How often a consumer may try one event before its job has failed.",
  },
  jobBackoffMs: {
    env: "MM4D_JOB_BACKOFF_MS",
    fallback: "2000",
    ...wholeNumber(0, DAY_MS),
    about: "Wait before a consumer's second attempt, in milliseconds; it doubles with each further one.",
  },
  completedKeepSeconds: {
    env: "MM4D_COMPLETED_KEEP_SECONDS",
    fallback: "3600",
    ...wholeNumber(0, 31_622_400),
    about: "How long a consumed job is kept, in seconds.",
  },
  completedKeepCount: {
    env: "MM4D_COMPLETED_KEEP_COUNT",
    fallback: "10000",
    ...wholeNumber(0, 10_000_000),
    about: "How many consumed jobs are kept.",
  },
  failedKeepSeconds: {
    env: "MM4D_FAILED_KEEP_SECONDS",
    fallback: "1209600",
    ...wholeNumber(0, 31_622_400),
    about: "How long a job that consumers gave up on is kept, in seconds.",
  },
  failedKeepCount: {
    env: "MM4D_FAILED_KEEP_COUNT",
    fallback: "100000",
    ...wholeNumber(0, 10_000_000),
    about: "How many jobs that consumers gave up on are kept.",
  },
  streamKeepCount: {
    env: "MM4D_STREAM_KEEP_COUNT",
    fallback: "10000",
    ...wholeNumber(100, 10_000_000),
    about: "About how many entries BullMQ's event stream keeps, from which `mm4d tail` and dashboards read.",
  },
  catalogueFile: {
    env: "MM4D_CATALOGUE_FILE",
    fallback: "",
    fallbackShown: "none",
    type: "a path",
    about:
      "JSON file with code entries, wordings and precedence rows of your own, laid over the catalogue; SIGHUP reads it again.",
    read: (text: string) => text,
  },
  accept: {
    env: "MM4D_ACCEPT",
    fallback: "journal",
    ...oneOf("journal", "queue"),
    about: "What a 250 stands on: the journal on the disk, or, for hosts without a disk, the queue in Redis.",
  },
  quarantineMaxMessages: {
    env: "MM4D_QUARANTINE_MAX_MESSAGES",
    fallback: "10000",
    ...wholeNumber(0, 1_000_000),
    about:
      "Most messages kept in quarantine. No peer has more than half of what the others leave; beyond that its unreadable messages get 451.",
  },
  quarantineMaxBytes: {
    env: "MM4D_QUARANTINE_MAX_BYTES",
    fallback: "268435456",
    ...wholeNumber(0, 1_099_511_627_776),
    about:
      "Most that the quarantine takes in Redis, in bytes. No peer has more than half of what the others leave; beyond that its unreadable messages get 451.",
  },
  journalMaxBytes: {
    env: "MM4D_JOURNAL_MAX_BYTES",
    fallback: "1073741824",
    ...wholeNumber(1_048_576, 1_099_511_627_776),
    about:
      "Largest size of the journal, in bytes. Beyond it reports get 451 until there is room: until Redis has caught up, or what was queued within the last minute has left it. No peer has more than seven eighths of what the others leave; beyond that its reports get 451.",
  },
  maxMessageBytes: {
    env: "MM4D_MAX_MESSAGE_BYTES",
    fallback: "262144",
    ...wholeNumber(65_536, 104_857_600),
    about: "Largest message accepted, in bytes; a larger one is cut off. Reports are 0.5 to 4 KiB.",
  },
  maxUnfinishedBytes: {
    env: "MM4D_MAX_UNFINISHED_BYTES",
    fallback: "67108864",
    ...wholeNumber(1_048_576, 1_099_511_627_776),
    about:
      "Most memory of all messages on their way, from DATA to the reply, in bytes; never less than four of the largest. No peer has more than half of what the others leave. Beyond it 452.",
  },
  maxHeaderBytes: {
    env: "MM4D_MAX_HEADER_BYTES",
    fallback: "65536",
    ...wholeNumber(8_192, 1_048_576),
    about: "Longest header read, in bytes. Antivirus gateways in front of MMSCs add several kilobytes.",
  },
  maxHeaderFields: {
    env: "MM4D_MAX_HEADER_FIELDS",
    fallback: "1000",
    ...wholeNumber(50, 100_000),
    about: "Most header fields read.",
  },
  maxClients: {
    env: "MM4D_MAX_CLIENTS",
    fallback: "10000",
    ...wholeNumber(1, 65_535),
    about: "Most SMTP connections at a time.",
  },
  maxClientsPerPeer: {
    env: "MM4D_MAX_CLIENTS_PER_PEER",
    fallback: "2000",
    ...wholeNumber(1, 65_535),
    about:
      "Most SMTP connections of one peer at a time, and never more than half of MM4D_MAX_CLIENTS; its entry may say otherwise. Further ones are greeted, and MAIL is answered 450 when none of the others ends soon.",
  },
  maxRecipients: {
    env: "MM4D_MAX_RECIPIENTS",
    fallback: "100",
    ...wholeNumber(1, 10_000),
    about: "Most recipients of one message.",
  },
  maxBadCommands: {
    env: "MM4D_MAX_BAD_COMMANDS",
    fallback: "10",
    ...wholeNumber(1, 10_000),
    about:
      "Most unknown, malformed or misplaced commands between two messages. A listed peer may make so many at once; ten commands a second never end its connection.",
  },
  maxCommands: {
    env: "MM4D_MAX_COMMANDS",
    fallback: "100",
    ...wholeNumber(10, 1_000_000),
    about:
      "Most commands in a row without a message. A listed peer may say so many at once; ten a second never end its connection. Its entry may say otherwise.",
  },
  maxMessagesPerConnection: {
    env: "MM4D_MAX_MESSAGES_PER_CONNECTION",
    fallback: "0",
    ...wholeNumber(0, 1_000_000_000),
    about: "Most messages on one connection; 0 for no limit.",
  },
  maxMessagesPerSecond: {
    env: "MM4D_MAX_MESSAGES_PER_SECOND",
    fallback: "0",
    ...wholeNumber(0, 1_000_000),
    about: "Most messages of one peer in a second; 0 for no limit. Its entry may say otherwise.",
  },
  firstCommandSeconds: {
    env: "MM4D_FIRST_COMMAND_SECONDS",
    fallback: "30",
    ...wholeNumber(1, 3_600),
    about: "How long a client may take from the connection to its first command, TLS handshake included, in seconds.",
  },
  lineSeconds: {
    env: "MM4D_LINE_SECONDS",
    fallback: "30",
    ...wholeNumber(1, 3_600),
    about: "How long one command line may take, in seconds.",
  },
  dataSeconds: {
    env: "MM4D_DATA_SECONDS",
    fallback: "120",
    ...wholeNumber(1, 3_600),
    about: "How long one message may take, in seconds.",
  },
  idleSeconds: {
    env: "MM4D_IDLE_SECONDS",
    fallback: "120",
    ...wholeNumber(1, 86_400),
    about: "How long a client that is no listed peer may be silent between two commands, in seconds.",
  },
  peerIdleSeconds: {
    env: "MM4D_PEER_IDLE_SECONDS",
    fallback: "300",
    ...wholeNumber(1, 86_400),
    about:
      "How long a listed peer may be silent between two commands, in seconds. RFC 5321 §4.5.3.2.7 asks for five minutes.",
  },
  sessionSeconds: {
    env: "MM4D_SESSION_SECONDS",
    fallback: "86400",
    ...wholeNumber(1, 31_622_400),
    about: "How long one connection may last, in seconds; it is ended between two messages.",
  },
  systemAddress: {
    env: "MM4D_SYSTEM_ADDRESS",
    fallback: "",
    fallbackShown: "`system-user@` the first of MM4D_DOMAIN, or MM4D_HOSTNAME",
    type: "an address, such as system-user@mms.example.net",
    about: "Our own address, from which acknowledgements are sent.",
    read: (text: string) => (text === "" ? null : (readMailbox(withoutRootDot(text)) ?? undefined)),
  },
  ackRetrySeconds: {
    env: "MM4D_ACK_RETRY_SECONDS",
    fallback: "10",
    ...wholeNumber(1, 12),
    about:
      "Wait before the second attempt to send an acknowledgement, in seconds; it doubles up to 10 minutes, for about an hour in all.",
  },
  ackTimeoutSeconds: {
    env: "MM4D_ACK_TIMEOUT_SECONDS",
    fallback: "30",
    ...wholeNumber(1, 300),
    about: "How long a peer's MMSC may be silent while an acknowledgement is sent to it, in seconds.",
  },
  traceHours: {
    env: "MM4D_TRACE_HOURS",
    fallback: "72",
    ...wholeNumber(0, YEAR_OF_HOURS),
    about: "How long what `mm4d trace` tells is remembered in Redis, in hours; 0 for not at all.",
  },
  traceMaxBytes: {
    env: "MM4D_TRACE_MAX_BYTES",
    fallback: "268435456",
    ...wholeNumber(16_777_216, 1_099_511_627_776),
    about: "Most that this takes in Redis, in bytes. Beyond it the oldest is forgotten.",
  },
  logLevel: {
    env: "MM4D_LOG_LEVEL",
    fallback: "info",
    ...oneOf(...LOG_LEVELS),
    about: "Least severe log lines that are written.",
  },
  logNumbers: {
    env: "MM4D_LOG_NUMBERS",
    fallback: "masked",
    ...oneOf("masked", "full"),
    about: "Telephone numbers in the log: masked except the last four digits, or in full.",
  },
  shutdownDelayMs: {
    env: "MM4D_SHUTDOWN_DELAY_MS",
    fallback: "1000",
    ...wholeNumber(0, 600_000),
    about:
      "How long connections are still taken after SIGTERM while /readyz says 503 already, in milliseconds: until a balancer has seen it.",
  },
  shutdownGraceMs: {
    env: "MM4D_SHUTDOWN_GRACE_MS",
    fallback: "10000",
    ...wholeNumber(0, 600_000),
    about:
      "How long open SMTP transactions may finish after that, in milliseconds, and then the queue once more as long.",
  },
} satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;

/** The effective settings. */
export type Config = {
  readonly [Name in SettingName]: Exclude<ReturnType<(typeof SETTINGS)[Name]["read"]>, undefined>;
};

/** Where an effective value came from. */
export type Origin = "default" | "environment" | "file" | "command line";

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  /** Each value as it would be written in the environment, secrets not masked. */
  readonly texts: Readonly<Record<SettingName, string>>;
  /** What a user should know about the environment. */
  readonly notes: readonly string[];
}

/**
 * Reads the settings from an environment. An empty value counts as not set.
 * Fails with one sentence a fault, all faults at once: a value outside its
 * bounds, a `…_FILE` that cannot be read, an `MM4D_…` name that is no setting.
 */
export function loadConfig(env: Environment): Result<LoadedConfig, readonly string[]> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const texts: Record<string, string> = {};

  for (const [name, setting] of ROWS) {
    const given = readText(setting, env, faults);
    const text = given?.text ?? setting.fallback;
    const value = setting.read(text);
    if (value === undefined) faults.push(`${setting.env} ${faultOf(setting, text)}`);
    values[name] = value;
    origins[name] = given?.origin ?? "default";
    texts[name] = text;
  }
  faults.push(...unknownNames(env), ...contradictions(texts));
  if (faults.length > 0) return err(faults);
  return ok({
    config: values as Config,
    origins: origins as LoadedConfig["origins"],
    texts: texts as LoadedConfig["texts"],
    notes: notesOn(env),
  });
}

function faultOf({ env, secret, type, fault }: Setting<unknown>, text: string): string {
  if (fault) return fault(text);
  const shown = secret ? `a value that is not shown${unseenIn(text)}` : `"${shownText(text)}"`;
  return `is ${shown}, must be ${type}${whoseLink(env, text)}`;
}

/** See queue/quarantine.ts and queue/acknowledgements.ts. */
const OUR_QUEUES = ["mm4-quarantine", "mm4-acknowledgements"];

/** Settings that do not go together. */
function contradictions({
  redisUrl,
  redisSentinels,
  redisTlsCertFile,
  redisTlsKeyFile,
  redisTlsCaFile,
  redisSentinelUser,
  peers,
  peersFile,
  tlsCertFile,
  tlsKeyFile,
  smtpsPort,
  adminHost,
  adminToken,
  queue,
  queues,
}: Record<string, string>): readonly string[] {
  const faults: string[] = [];
  if (peers && peersFile) faults.push("MM4D_PEERS and MM4D_PEERS_FILE are both set, must be one of them");
  if (Boolean(tlsCertFile) !== Boolean(tlsKeyFile)) {
    faults.push("MM4D_TLS_CERT_FILE and MM4D_TLS_KEY_FILE are not both set, must be both or none");
  }
  if (Boolean(redisTlsCertFile) !== Boolean(redisTlsKeyFile)) {
    faults.push("MM4D_REDIS_TLS_CERT_FILE and MM4D_REDIS_TLS_KEY_FILE are not both set, must be both or none");
  }
  const address = readRedisUrl(redisUrl || "redis://");
  // A certificate that is never shown, in clear, would be silently without effect.
  if ((redisTlsCertFile || redisTlsCaFile) && address.ok && !address.value.tls) {
    faults.push(
      `${redisTlsCertFile ? "MM4D_REDIS_TLS_CERT_FILE" : "MM4D_REDIS_TLS_CA_FILE"} is set and Redis is not asked for TLS, must be with a REDIS_URL that begins with rediss://`,
    );
  }
  if (redisSentinelUser && !redisSentinels) {
    faults.push("MM4D_REDIS_SENTINEL_USER is set without MM4D_REDIS_SENTINELS, must be with it");
  }
  if (smtpsPort && !tlsCertFile) faults.push("MM4D_SMTPS_PORT is set without MM4D_TLS_CERT_FILE, must be with it");
  for (const name of [queue, ...OUR_QUEUES]) {
    if (readQueues(queues ?? "")?.some((further) => further.queue === name)) {
      faults.push(`MM4D_QUEUES names "${shownText(name ?? "")}", which has a use already, must be another name`);
    }
  }
  if (!adminToken && !isLoopback(adminHost ?? "")) {
    faults.push(
      `MM4D_ADMIN_HOST is "${shownText(adminHost ?? "")}" without MM4D_ADMIN_TOKEN, must be 127.0.0.1 or ::1 without one`,
    );
  }
  return faults;
}

/** Whether a host is this machine, and can only be reached from it. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Our own address, from which acknowledgements are sent. */
export function systemAddressOf({ systemAddress, domain, hostname: name }: Config): string {
  return systemAddress ?? `system-user@${domain[0] ?? name}`;
}

/** A value fit to be printed: a URL without its password, another secret not at all. */
export function shownValue(name: SettingName, text: string): string {
  const setting: Setting<unknown> = SETTINGS[name];
  if (!setting.secret || text === "") return text;
  return name === "redisUrl" ? maskUrl(text) : "***";
}

/** A URL with its password and its query replaced by `***`. */
export function maskUrl(text: string): string {
  if (text === "") return "";
  try {
    const url = new URL(text);
    if (url.password !== "") url.password = "***";
    if (url.search !== "") url.search = "?***";
    return url.href;
  } catch {
    return "***";
  }
}

const ROWS = Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];

function readText(
  { env: name, secret }: Setting<unknown>,
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): { text: string; origin: Origin } | undefined {
  const text = env[name] ?? "";
  const file = secret ? (env[`${name}_FILE`] ?? "") : "";
  if (text !== "" && file !== "") faults.push(`${name} and ${name}_FILE are both set, must be one of them`);
  if (file === "") return text === "" ? undefined : { text, origin: "environment" };
  try {
    return { text: readNamedFile(file, BOUNDS.secretFileBytes.value).trim(), origin: "file" };
  } catch (cause) {
    faults.push(
      `${name}_FILE is "${shownText(file)}", must be a file that can be read: ${shownText((cause as Error).message)}`,
    );
    return undefined;
  }
}

const KNOWN = ROWS.flatMap(([, { env: name, secret }]) => (secret ? [name, `${name}_FILE`] : [name]));

type Environment = Readonly<Record<string, string | undefined>>;

/** Names that begin as ours do. */
function foreignNames(env: Environment): { readonly links: readonly string[]; readonly unknown: readonly string[] } {
  const foreign = Object.keys(env).filter((name) => name.startsWith("MM4D_") && !KNOWN.includes(name));
  const isLink = (name: string): boolean => isServiceLink(name, env[name] ?? "");
  return { links: foreign.filter(isLink), unknown: foreign.filter((name) => !isLink(name)) };
}

function unknownNames(env: Environment): readonly string[] {
  return foreignNames(env).unknown.map(
    (name) => `${shownText(name)} is no setting of mm4d, must be a known one; the nearest is ${nearest(name, KNOWN)}`,
  );
}

function notesOn(env: Environment): readonly string[] {
  const [first, ...further] = foreignNames(env).links;
  if (first === undefined) return [];
  const all = further.length === 0 ? `${first} is` : `${first} and ${further.length} more are`;
  return [`${all} of Kubernetes, no settings, and ignored. To be without them: enableServiceLinks: false`];
}

/** Kubernetes' name for a Service's address may be that of a setting of ours. */
function whoseLink(name: string, text: string): string {
  const service = serviceOf(name, text);
  if (service === null) return "";
  return `. Kubernetes put it there, for the Service "${service}": set enableServiceLinks: false in the pod's spec, or ${name} itself`;
}

/** Within quotes, on one line. */
function shownText(text: string): string {
  return visible(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** Of a secret too it may be told what an editor or a copy has left in it. */
function unseenIn(text: string): string {
  const unseen = [...new Set([...text].map(shownText).filter((char) => char.startsWith("\\") && char.length > 1))];
  return unseen.length === 0 ? "" : ` and holds ${unseen.join(", ")}`;
}

function nearest(name: string, known: readonly string[]): string {
  const [first = ""] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  return first;
}

/** Levenshtein's distance: how many letters to add, remove or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...b].entries()) {
      const changed = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function wholeNumber(least: number, most: number) {
  return {
    type: `a whole number from ${least} to ${most}`,
    read: (text: string): number | undefined => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

function oneOf<const Choice extends string>(...choices: readonly Choice[]) {
  return {
    type: `one of ${choices.join(", ")}`,
    read: (text: string): Choice | undefined => choices.find((choice) => choice === text),
  };
}

function redisUrlOf(text: string): string | null | undefined {
  if (text === "") return null;
  return readRedisUrl(text).ok ? text : undefined;
}

function redisUrlFault(text: string): string {
  const read = readRedisUrl(text);
  return read.ok ? "" : read.error;
}

function readSentinels(text: string): readonly SentinelAddress[] | undefined {
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

function readHost(text: string): string | undefined {
  return /^[a-z0-9:._-]{1,253}$/i.test(text) ? text : undefined;
}

function withoutColon(text: string): string | undefined {
  return /^[^:\s]{1,100}$/.test(text) ? text : undefined;
}

function readDomains(text: string): readonly string[] | undefined {
  if (text.trim() === "") return [];
  const domains = text.split(",").map((domain) => withoutRootDot(domain.trim().toLowerCase()));
  return domains.every(isDomain) ? domains : undefined;
}

/** A name, or an address, which RFC 5321 §4.1.3 has in brackets. */
function isDomain(text: string): boolean {
  const [, address = text] = /^\[(?:ipv6:)?([0-9a-f:.]+)\]$/.exec(text) ?? [];
  return isIP(address) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text);
}

/** The same name, as one asks DNS for it. RFC 1034 §3.1. */
function withoutRootDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

const TLS_1_3 = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];

/** The list as Node.js is given it: with TLS 1.3's, which one of TLS 1.2's alone would switch off, and nothing that only seems to be TLS. */
function readCiphers(text: string): string | undefined {
  const words = text
    .replaceAll("@", ":@")
    .split(/[:,; ]/)
    .filter((word) => word !== "");
  const [ofTls13, others] = [words.filter((word) => /^TLS_/.test(word)), words.filter((word) => !/^TLS_/.test(word))];
  const list = [
    ...(ofTls13.length > 0 ? ofTls13 : TLS_1_3),
    ...(others.length > 0 ? [...others, "!aNULL", "!eNULL"] : []),
  ];
  const ciphers = list.join(":");
  // The default is known to be right, and trying takes time at every start.
  if (text === SETTINGS.tlsCiphers.fallback) return ciphers;
  // OpenSSL passes over a name that it does not know, as long as it knows another one.
  const names = words.filter((word) => /^[\w+=.-]/.test(word) && !/^[-+]/.test(word));
  const known = names.every((name) => isCipherList(`${name}${name.startsWith("TLS_") ? "" : ":@SECLEVEL=0"}`));
  return names.length > 0 && known && isCipherList(ciphers) ? ciphers : undefined;
}

function isCipherList(ciphers: string): boolean {
  try {
    // No authorities: to read all that Node.js knows takes longer than all else.
    createSecureContext({ ciphers, ca: [] });
    return true;
  } catch {
    return false;
  }
}

function readQueues(text: string): readonly FanOut[] | undefined {
  if (text.trim() === "") return [];
  const queues = text.split(",").map(readFanOut);
  if (!queues.every((queue) => queue !== undefined)) return undefined;
  return new Set(queues.map(({ queue }) => queue)).size === queues.length ? queues : undefined;
}

function readPeers(text: string): readonly PeerSetting[] | undefined {
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

function readNetworks(text: string): readonly Network[] | undefined {
  if (text.trim() === "") return [];
  const networks = text.split(",").map((network) => readNetwork(network.trim()));
  return networks.every((network) => network !== undefined) ? networks : undefined;
}

/** Undefined for what is no name. That of the default for loopback must not be taken for a peer's. */
export function readPeerName(text: string): string | undefined {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/i.test(text) && text !== "loopback" ? text : undefined;
}

/** An address, or a network in CIDR form; undefined for what is neither. IPv4 is written as such, not within IPv6. */
export function readNetwork(text: string): Network | undefined {
  const [, address, length] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const version = address === undefined ? 0 : isIP(address);
  if (address === undefined || version === 0 || /^::ffff:/i.test(address)) return undefined;
  const bits = version === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : Number(length);
  return prefix <= bits ? { address, prefix, family: version === 4 ? "ipv4" : "ipv6" } : undefined;
}
