/** The SMTP listener: takes messages from peers, and answers for what became of each. */
import { constants } from "node:crypto";
import { BOUNDS } from "../bounds/bounds.ts";
import type { ReceivedMessage } from "../delivery/accepted.ts";
import type { PeerIdentity } from "../delivery/peer.ts";
import type { NewRefusal } from "../monitoring/refusals.ts";
import type { Certificate } from "../settings/certificate.ts";
import { type FindPeer, networkOf } from "./access.ts";
import { type Answer, type House, type Mm4Connection, Mm4Server } from "./connection.ts";
import { FIRST_BYTES } from "./data-reader.ts";
import { canonicalDomain } from "./domain.ts";
import { type Address, openDoor } from "./door.ts";
import { createPace, type Limits } from "./limits.ts";
import { createLogins } from "./password.ts";
import { splitAddress } from "./path.ts";
import type { ClientCertificate, Peer } from "./peer.ts";
import { createPlaces } from "./places.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";
import { createUnfinished } from "./unfinished.ts";

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Where TLS begins before SMTP does; null for nowhere. */
  readonly smtpsPort: number | null;
  /** The name we greet with. */
  readonly hostname: string;
  /** Domains whose recipients are accepted, beside the address that they came to; empty for every domain. */
  readonly domains: readonly string[];
  readonly limits: Limits;
  /** Whether an address is a balancer's, which tells whose its connections are. */
  readonly isProxy: (address: string) => boolean;
  readonly findPeer: FindPeer;
  /** Without one TLS is not offered. */
  readonly certificate: Certificate | null;
  /** Cipher suites, as Node.js takes them. */
  readonly ciphers: string;
  /** One message. Must resolve in time; a rejection is answered as an internal error. */
  readonly onMessage: (message: ReceivedMessage) => Promise<Answer>;
  readonly onSession: (peer: string) => void;
  readonly onRefused: (refusal: NewRefusal) => void;
  /** An error of one session, such as a connection that broke, or of our own; the client is null where it is nobody's. */
  readonly onError: (error: Error, client: SmtpClient | null) => void;
  /** The code of every reply that was handed to the system. `peer` is empty for a stranger. */
  readonly onReply: (peer: string, code: number) => void;
}

export interface SmtpClient {
  readonly address: string;
  /** Null for a stranger. */
  readonly peer: string | null;
}

export interface Listener {
  readonly address: Address;
  readonly smtpsAddress: Address | null;
  readonly connections: () => number;
  /** Open connections of each peer that has had any. */
  readonly connectionsByPeer: () => ReadonlyMap<string, number>;
  /** From now on these peers. Sessions whose right to be here has changed are ended between two messages. */
  usePeers(findPeer: FindPeer): void;
  /** From the next handshake on this certificate. */
  useCertificate(certificate: Certificate): void;
  /**
   * Takes no new sessions, ends idle ones, lets open transactions finish for
   * `graceMs`, and then ends those too.
   */
  stop(graceMs: number): Promise<void>;
}

const MAX_FAILED_LOGINS = 3;
const DEADLINES_LOOKED_AT_EVERY_MS = 250;
const STOPPING_LOOKED_AT_EVERY_MS = 10;
/** What a client may take to close its side, after the last of us has said goodbye, in milliseconds. */
const GOODBYE_MS = 1_000;

/** Rejects when the address cannot be listened on. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { limits, onRefused } = options;
  let { findPeer, certificate } = options;
  const domains = new Set(options.domains.map(canonicalDomain));
  let stopping = false;
  const unfinished = createUnfinished(limits.unfinishedBytes);
  const places = createPlaces<Mm4Connection>({
    max: limits.clients,
    // What becomes free at a stop is nobody's any more.
    maxOf: ({ peer }) => (peer && !stopping ? maxOf(peer) : 0),
    onTaken: ({ peer }) => options.onSession(peer?.name ?? ""),
  });
  const mayGoOn = createPace();
  const logins = createLogins();

  const house: House = {
    limits,
    unfinished,
    offersTls: () => certificate !== null,
    stopping: () => stopping,
    refusalAtConnect,
    onReply: ({ peer }, code) => options.onReply(peer?.name ?? "", code),
    onRefused: noteRefusal,
    onMessage: (connection, message) => receive(connection, message).catch((cause) => unheard(internalError(cause))),
    onFailed: ({ remoteAddress, peer }, cause) =>
      options.onError(cause, { address: remoteAddress, peer: peer?.name ?? null }),
    onTlsFailed: (connection, why) => noteRefusal(connection, "tls-handshake", why),
    onLeaving: places.left,
  };

  const server = new Mm4Server({
    name: options.hostname,
    banner: "mm4d",
    size: limits.messageBytes,
    disabledCommands: ["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"],
    authMethods: ["PLAIN", "LOGIN"],
    authOptional: true,
    hideENHANCEDSTATUSCODES: false,
    disableReverseLookup: true,
    lenientAddressParsing: true,
    logger: false,
    maxRecipients: limits.recipients,
    heloResponse: "%s",
    rejectUnauthorized: false,
    ...tlsOptions(certificate, options.ciphers),

    // At once: by default they wait a turn, in which what a listed peer has said already would count as too soon.
    onConnect: (_session, callback) => callback(),
    onSecure: (_socket, _session, callback) => callback(),

    onAuth({ username, password }, session, callback) {
      void authenticate(server.connectionOf(session), username ?? "", password ?? "")
        .catch(internalError)
        .then((reply) => {
          if (reply === null) callback(null, { user: username ?? "" });
          else callback(asError(reply));
        });
    },

    onMailFrom({ address, args }, session, callback) {
      const connection = server.connectionOf(session);
      const judge = (placed: boolean): void => {
        const announcedBytes = args ? Number(args.SIZE ?? 0) : 0;
        const refusal = placed ? refusalOfSender(connection, address, announcedBytes) : REPLIES.tooManyOfPeer;
        if (refusal === REPLIES.senderNotAllowed) connection.refused = domainOf(address);
        callback(refusal ? asError(refusal) : null);
      };
      if (connection.healthCheck) return callback(asError(REPLIES.healthCheckOnly));
      places.take(connection, BOUNDS.placeWaited.value, judge);
    },

    onRcptTo({ address }, session, callback) {
      const connection = server.connectionOf(session);
      if (isOurs(address, domains, connection.here)) return callback();
      connection.refused = domainOf(address);
      callback(asError(REPLIES.unknownDomain));
    },
  });
  server.on("error", (cause) => options.onError(cause, null));
  // What a handler of the library's throws is answered 451, and told nowhere else.
  server.logger = {
    ...server.logger,
    error: (entry) => {
      if (typeof entry === "object" && entry.tnx === "command" && entry.err instanceof Error)
        options.onError(entry.err, null);
    },
  };

  function refusalAtConnect(connection: Mm4Connection): SmtpReply | undefined {
    const { peer } = connection;
    if (stopping) return REPLIES.shuttingDown;
    // A service that is full is well: what a balancer would take away from it is its sessions.
    if (connection.healthCheck) return undefined;
    if (!peer) return REPLIES.unknownPeer;
    if (places.taken() >= limits.clients) return REPLIES.tooManyClients;
    // Beyond its peer's limit it is greeted all the same, and gets a place at MAIL, when there is one by then.
    places.tryTake(connection);
    return undefined;
  }

  /** How many connections a peer may have at a time. Unless its entry says so it cannot take the others' places. */
  function maxOf({ limits: own, listed }: Peer): number {
    if (own.connections !== null) return own.connections;
    if (!listed) return limits.clientsPerPeer;
    return Math.min(limits.clientsPerPeer, Math.max(1, Math.floor(limits.clients * BOUNDS.connectionsShare.value)));
  }

  function noteRefusal(
    { remoteAddress, peer, hostNameAppearsAs }: Mm4Connection,
    reason: string,
    detail: string | null,
  ) {
    const helo = shownName(hostNameAppearsAs);
    const address = peer ? remoteAddress : networkOf(remoteAddress);
    onRefused({ address, peer: peer?.name ?? null, helo, reason, detail });
  }

  /** Null when the login is right. */
  async function authenticate(connection: Mm4Connection, user: string, password: string): Promise<SmtpReply | null> {
    const known = connection.peer?.auth;
    if (!known) return REPLIES.unknownCommand;
    const { remoteAddress: address, peer } = connection;
    const login = await logins.check({ peer: peer?.name ?? "", address, user, password }, known);
    if (connection.revoked) return REPLIES.accessChanged;
    if (login === "right") return null;
    if (login === "busy") return REPLIES.authBusy;
    connection.failedLogins += 1;
    return connection.failedLogins >= MAX_FAILED_LOGINS ? REPLIES.authTooOften : REPLIES.authFailed;
  }

  /** Why this peer may not send this message now; undefined when it may. */
  function refusalOfSender(connection: Mm4Connection, address: string, sizeBytes: number): SmtpReply | undefined {
    const { peer, secure, session, messages } = connection;
    if (!peer) return REPLIES.accessChanged;
    const { clientCertificate, mailFromDomains, name } = peer;
    if (!secure && (peer.tls === "required" || clientCertificate)) return REPLIES.tlsRequired;
    if (clientCertificate && !isExpected(connection, clientCertificate)) return REPLIES.certificateRefused;
    if (peer.auth && !session.user) return REPLIES.authRequired;
    // The null sender has no domain. RFC 5321 §4.5.5.
    if (mailFromDomains.length > 0 && address !== "" && !mailFromDomains.includes(domainOf(address))) {
      return REPLIES.senderNotAllowed;
    }
    if (limits.messagesPerConnection > 0 && messages >= limits.messagesPerConnection) return REPLIES.tooManyMessages;
    if (!unfinished.has(name, Math.max(sizeBytes, FIRST_BYTES))) return REPLIES.noRoom;
    const perSecond = peer.limits.messagesPerSecond ?? limits.messagesPerSecond;
    return perSecond > 0 && !mayGoOn(name, perSecond) ? REPLIES.tooFast : undefined;
  }

  async function receive(connection: Mm4Connection, bytes: Buffer): Promise<Answer> {
    const { peer, id } = connection;
    if (!peer) return unheard(REPLIES.internalError);
    const { mailFrom: sender } = connection.session.envelope;
    const mailFrom = sender ? sender.address : "";
    return options.onMessage({
      sessionId: id,
      peer: { identity: identify(connection, peer), entry: peer },
      mailFrom,
      bytes,
      receivedAt: new Date(),
    });
  }

  function internalError(cause: Error): SmtpReply {
    options.onError(cause, null);
    return REPLIES.internalError;
  }

  function connections(): readonly Mm4Connection[] {
    return [...server.connections] as unknown as Mm4Connection[];
  }

  const door = await openDoor({
    host: options.host,
    port: options.port,
    smtpsPort: options.smtpsPort,
    maxClients: limits.clients,
    headerMs: limits.firstCommandMs,
    isProxy: options.isProxy,
    findPeer: (address) => findPeer(address),
    onArrival: (arrival) => server.admit(arrival, house),
    maxOf,
    onTurnedAway: (address, peer, reason) =>
      onRefused({ address: peer ? address : networkOf(address), peer, helo: null, reason, detail: null }),
    onError: (cause) => options.onError(cause, null),
  });
  const deadlines = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of connections()) connection.enforceDeadline(nowMs);
  }, DEADLINES_LOOKED_AT_EVERY_MS).unref();

  return {
    address: door.address,
    smtpsAddress: door.smtpsAddress,
    connections: places.taken,
    connectionsByPeer: places.byPeer,
    usePeers(next) {
      findPeer = next;
      for (const connection of connections()) {
        if (connection.healthCheck) continue;
        const peer = findPeer(connection.remoteAddress);
        // What only a new connection can mend: the old entry holds until the transaction is over.
        connection.revoked ||= rightsOf(peer) !== rightsOf(connection.peer);
        if (!connection.revoked) connection.peer = peer;
        else if (!connection.inTransaction()) connection.refuse(REPLIES.accessChanged);
      }
      places.look();
    },
    useCertificate(next) {
      certificate = next;
      server.updateSecureContext(tlsOptions(next, options.ciphers));
    },
    async stop(graceMs) {
      stopping = true;
      door.close();
      clearInterval(deadlines);
      for (const connection of connections()) {
        if (!connection.inTransaction()) connection.refuse(REPLIES.shuttingDown);
      }
      const endMs = performance.now() + graceMs;
      while (server.connections.size > 0 && performance.now() < endMs) {
        await new Promise((resolve) => setTimeout(resolve, STOPPING_LOOKED_AT_EVERY_MS));
      }
      for (const connection of connections()) connection.refuse(REPLIES.shuttingDown);
      await door.emptied(GOODBYE_MS);
    },
  };
}

/** An answer of which nobody wants to know whether it was said. */
function unheard(reply: SmtpReply): Answer {
  return { reply, onAnswered: () => {} };
}

/** What decides whether a session may go on under another entry: who it is, and how it has to prove it. */
function rightsOf(peer: Peer | undefined): string {
  return JSON.stringify(peer && [peer.name, peer.tls, peer.clientCertificate, peer.auth]);
}

/** What a client calls itself is for people. */
function shownName(helo: string | false): string | null {
  return helo ? helo.slice(0, BOUNDS.heloLength.value) : null;
}

function identify(
  { remoteAddress, hostNameAppearsAs, tlsOptions: tls, session }: Mm4Connection,
  { name }: Peer,
): PeerIdentity {
  return {
    name,
    address: remoteAddress,
    helo: shownName(hostNameAppearsAs),
    tls: tls ? { protocol: tls.version, cipher: tls.name } : null,
    user: session.user ? String(session.user) : null,
  };
}

function isExpected(connection: Mm4Connection, { fingerprint, subject }: ClientCertificate): boolean {
  const socket = connection.tlsSocket();
  const certificate = socket?.getPeerCertificate();
  if (!socket || !certificate?.fingerprint256) return false;
  const { fingerprint256, subject: named } = certificate;
  if (fingerprint !== null && fingerprint256.replaceAll(":", "").toLowerCase() === fingerprint) return true;
  // A name is worth what the authority that signed it is.
  return subject !== null && socket.authorized && named.CN === subject;
}

/** Without a certificate of our own the library has one whose key everybody knows; it is never offered. */
function tlsOptions(certificate: Certificate | null, ciphers: string) {
  const rules = {
    minVersion: "TLSv1.2",
    ciphers,
    // For suites with DHE, of a size that fits the certificate; without it there are none.
    dhparam: "auto",
    // Each would be a handshake more, at the client's word.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  } as const;
  if (certificate === null) return rules;
  const { cert, key, ca } = certificate;
  return { ...rules, cert, key, ...(ca === undefined ? {} : { ca }) };
}

/**
 * Whatever the local part: a number, a short code, "system-user". An address
 * without a domain can only be ours, unless it hides one: `user%host`, `host!user`.
 * Where domains are set, the addresses of ours that its client sees are among them.
 */
function isOurs(address: string, domains: ReadonlySet<string>, here: readonly string[]): boolean {
  if (splitAddress(address).domain === null) return !/[%!@]/.test(address);
  const domain = domainOf(address);
  return domains.size === 0 || domains.has(domain) || here.some((own) => canonicalDomain(own) === domain);
}

function domainOf(address: string): string {
  return canonicalDomain(splitAddress(address).domain ?? address);
}

function asError({ code, text }: SmtpReply): Error & { responseCode: number } {
  return Object.assign(new Error(text), { responseCode: code });
}
