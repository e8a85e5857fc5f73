/**
 * Every setting, in one table: environment name, default, bounds and one
 * sentence with the unit. docs/settings.md and `mm4d config` are printed from it.
 */
import { availableParallelism, hostname } from "node:os";
import { readMailbox } from "../mm4/address.ts";
import { readNetworks } from "../smtp/network.ts";
import { DEFAULT_CIPHERS, readCiphers } from "./ciphers.ts";
import {
  oneOf,
  readDomains,
  readHost,
  readPeers,
  readQueues,
  readSentinels,
  redisUrlFault,
  redisUrlOf,
  wholeNumber,
  withoutColon,
  withoutRootDot,
} from "./values.ts";

export interface Setting<T> {
  readonly env: string;
  /** The default, as it would be written in the environment; empty for none. */
  readonly fallback: string;
  /** What docs/settings.md shows in place of a default that differs by machine. */
  readonly fallbackShown?: string;
  /** What may be written. It completes "must be". */
  readonly type: string;
  readonly about: string;
  /** Masked wherever it is printed; may also be given as a file, under the name with `_FILE`. */
  readonly secret?: boolean;
  /** Gives the value of a text, or undefined when the text is not of the type. Never throws. */
  readonly read: (text: string) => T | undefined;
  /** Says what is wrong with a text and what it must be: the end of a sentence, without anything secret. */
  readonly fault?: (text: string) => string;
}

/** The least severe first. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** One Redis cannot serve more processes. */
const MAX_PROCESSES = 64;

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
    fallback: DEFAULT_CIPHERS,
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
      "Most messages kept in quarantine. No peer has more than half of what the others leave; beyond that its unreadable messages get 451, or wait in the journal where only reading has shown it.",
  },
  quarantineMaxBytes: {
    env: "MM4D_QUARANTINE_MAX_BYTES",
    fallback: "268435456",
    ...wholeNumber(0, 1_099_511_627_776),
    about:
      "Most that the quarantine takes in Redis, in bytes. No peer has more than half of what the others leave; beyond that its unreadable messages get 451, or wait in the journal where only reading has shown it.",
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
  archiveHours: {
    env: "MM4D_ARCHIVE_HOURS",
    fallback: "",
    fallbackShown: "MM4D_TRACE_HOURS",
    type: `a whole number from 0 to ${YEAR_OF_HOURS}`,
    about:
      "How long what was said, and what became of it, is kept on the disk behind the journal (`archive/`), in hours; 0 for not at all, which removes what is there.",
    read: (text: string) => (text === "" ? null : wholeNumber(0, YEAR_OF_HOURS).read(text)),
  },
  archiveMaxBytes: {
    env: "MM4D_ARCHIVE_MAX_BYTES",
    fallback: "1073741824",
    ...wholeNumber(4_194_304, 1_099_511_627_776),
    about:
      "Most that this takes on the disk, of all processes, in bytes. Beyond it the oldest is removed; a quarter of it, 268 MB at most, is for what is being packed.",
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

/** How long reports are archived, in hours, where there is a journal; 0 for not at all. */
export function archiveHoursOf({ archiveHours, traceHours }: Config): number {
  return archiveHours ?? traceHours;
}

/** Our own address, from which acknowledgements are sent. */
export function systemAddressOf({ systemAddress, domain, hostname: name }: Config): string {
  return systemAddress ?? `system-user@${domain[0] ?? name}`;
}
