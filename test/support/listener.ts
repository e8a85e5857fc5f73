/** The SMTP room alone, within the test's own process: real TCP, and what becomes of a message is the test's to say. */

import type { ReceivedMessage } from "../../src/delivery/accepted.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import type { NewRefusal } from "../../src/monitoring/refusals.ts";
import type { Certificate } from "../../src/settings/certificate.ts";
import { SETTINGS } from "../../src/settings/config.ts";
import { createAccess, createNetworks } from "../../src/smtp/access.ts";
import type { Answer } from "../../src/smtp/connection.ts";
import type { Limits } from "../../src/smtp/limits.ts";
import { type Listener, startListener } from "../../src/smtp/listener.ts";
import type { Peer } from "../../src/smtp/peer.ts";
import { REPLIES } from "../../src/smtp/replies.ts";

export interface TestListener extends Listener {
  readonly port: number;
  /** The messages that were answered 250, as they came. */
  readonly messages: string[];
  /** Whether the system took each reply to a message. */
  readonly handed: boolean[];
  /** The codes of replies that the system took. */
  readonly codes: number[];
  readonly refusals: NewRefusal[];
  /** How many sessions of peers were begun. */
  readonly sessions: () => number;
  readonly errors: Error[];
}

export interface TestListenerOptions {
  readonly limits?: Partial<Limits>;
  readonly peers?: readonly Peer[];
  readonly certificate?: Certificate;
  readonly smtps?: boolean;
  readonly ciphers?: string;
  readonly domains?: readonly string[];
  readonly proxies?: readonly string[];
  /** Resolves when a message is stored. */
  readonly store?: (message: ReceivedMessage) => Promise<void>;
}

const DEFAULT_CIPHERS = SETTINGS.tlsCiphers.read(SETTINGS.tlsCiphers.fallback) ?? "";
const MINUTE_MS = 60_000;
const LIMITS: Limits = {
  clients: 10_000,
  clientsPerPeer: 2_000,
  recipients: 100,
  badCommands: 10,
  commands: 100,
  messagesPerConnection: 0,
  messagesPerSecond: 0,
  messageBytes: 262_144,
  unfinishedBytes: 67_108_864,
  firstCommandMs: MINUTE_MS,
  lineMs: MINUTE_MS,
  dataMs: MINUTE_MS,
  idleMs: MINUTE_MS,
  peerIdleMs: MINUTE_MS,
  sessionMs: MINUTE_MS,
};

/** A listed peer with one address. */
export function peerAt(name: string, address: string, rights: Partial<Peer> = {}): Peer {
  const family = address.includes(":") ? "ipv6" : "ipv4";
  return {
    name,
    listed: true,
    networks: [{ address, prefix: family === "ipv6" ? 128 : 32, family }],
    tls: "optional",
    clientCertificate: null,
    auth: null,
    mailFromDomains: [],
    limits: { connections: null, messagesPerSecond: null, commands: null },
    acknowledge: {
      mode: "off",
      host: null,
      port: 25,
      connections: 1,
      tls: "off",
      auth: null,
      to: null,
      from: "system",
      bouncesFrom: [],
    },
    rules: ORDINARY_PEER,
    bareNewlines: false,
    ...rights,
  };
}

export async function startTestListener(options: TestListenerOptions = {}): Promise<TestListener> {
  const { peers = [peerAt("carrier", "127.0.0.1")], store = async () => {} } = options;
  const messages: string[] = [];
  const handed: boolean[] = [];
  const codes: number[] = [];
  let sessions = 0;
  const refusals: NewRefusal[] = [];
  const errors: Error[] = [];
  const listener = await startListener({
    host: "127.0.0.1",
    port: 0,
    smtpsPort: options.smtps ? 0 : null,
    hostname: "mm4d.test",
    domains: options.domains ?? [],
    limits: { ...LIMITS, ...options.limits },
    isProxy: createNetworks((options.proxies ?? []).map((address) => ({ address, prefix: 32, family: "ipv4" }))),
    findPeer: createAccess(peers),
    certificate: options.certificate ?? null,
    ciphers: options.ciphers ?? DEFAULT_CIPHERS,
    async onMessage(message): Promise<Answer> {
      await store(message);
      messages.push(Buffer.from(message.bytes).toString("latin1"));
      return { reply: REPLIES.stored, onAnswered: (taken) => handed.push(taken) };
    },
    onSession: () => {
      sessions += 1;
    },
    onRefused: (refusal) => refusals.push(refusal),
    onError: (cause) => errors.push(cause),
    onReply: (_peer, code) => codes.push(code),
  });
  return {
    ...listener,
    port: listener.address.port,
    messages,
    handed,
    codes,
    refusals,
    errors,
    sessions: () => sessions,
  };
}
