/** The SMTP listener: takes messages from peers, and gives each the answer that it is told. */
import type { ReceivedMessage } from "../delivery/accepted.ts";
import { type FindPeer, networkOf } from "./access.ts";
import { connectionsOf, createAdmission, identify, rightsOf, shownName } from "./admission.ts";
import type { Answer, Listening, Mm4Connection } from "./connection.ts";
import { type Address, openDoor } from "./door.ts";
import type { Limits } from "./limits.ts";
import { createPlaces } from "./places.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";
import { createSmtpServer } from "./server.ts";
import { type ListenerCertificate, tlsOptions } from "./tls-options.ts";
import { createUnfinished } from "./unfinished.ts";

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Where TLS begins before SMTP does; null for nowhere. */
  readonly smtpsPort: number | null;
  /** The name we greet with. */
  readonly hostname: string;
  /** Domains whose recipients are accepted, besides our own address; empty for every domain. */
  readonly domains: readonly string[];
  readonly limits: Limits;
  /** Whether an address is that of a balancer, which names the clients of its connections. */
  readonly isProxy: (address: string) => boolean;
  readonly findPeer: FindPeer;
  /** Null when TLS is not offered. */
  readonly certificate: ListenerCertificate | null;
  /** Cipher suites, as Node.js takes them. */
  readonly ciphers: string;
  /** Takes one message. It must resolve in time; a rejection is answered as an internal error. */
  readonly onMessage: (message: ReceivedMessage) => Promise<Answer>;
  readonly onSession: (peer: string) => void;
  readonly onRefused: (refusal: SmtpRefusal) => void;
  /** An error of one session, such as a broken connection, or an error of our own. `client` is null when it concerns none. */
  readonly onError: (error: Error, client: SmtpClient | null) => void;
  /** The code of every reply that was handed to the system. `peer` is empty for a stranger. */
  readonly onReply: (peer: string, code: number) => void;
}

export interface SmtpClient {
  readonly address: string;
  /** Null for a stranger. */
  readonly peer: string | null;
}

/** A client that was refused something. */
export interface SmtpRefusal {
  readonly address: string;
  /** Null for a stranger. */
  readonly peer: string | null;
  /** The name by which it greeted; null when it has not. */
  readonly helo: string | null;
  /** The reason of our reply (see {@link REPLIES}), or `flood`, `proxy-header` or `tls-handshake`. */
  readonly reason: string;
  /** What was refused, where the reason alone does not say it, such as a domain. */
  readonly detail: string | null;
}

export interface Listener {
  readonly address: Address;
  readonly smtpsAddress: Address | null;
  readonly connections: () => number;
  /** Open connections of each peer that has had any. */
  readonly connectionsByPeer: () => ReadonlyMap<string, number>;
  /** Replaces the peers. A session whose rights have changed is ended between two messages. */
  usePeers(findPeer: FindPeer): void;
  /** Uses this certificate from the next handshake on. */
  useCertificate(certificate: ListenerCertificate): void;
  /**
   * Takes no new sessions, ends idle ones, lets open transactions finish for
   * `graceMs`, and then ends those too.
   */
  stop(graceMs: number): Promise<void>;
}

const DEADLINES_LOOKED_AT_EVERY_MS = 250;
const STOPPING_LOOKED_AT_EVERY_MS = 10;
/** How long clients may take to close their side after our last goodbye, in milliseconds. */
const GOODBYE_MS = 1_000;

/** Rejects when the address cannot be listened on. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { limits, onRefused } = options;
  let { findPeer, certificate } = options;
  let stopping = false;
  const unfinished = createUnfinished(limits.unfinishedBytes);
  const places = createPlaces<Mm4Connection>({
    max: limits.clients,
    // During a stop, a place that becomes free is given to no other.
    maxOf: ({ peer }) => (peer && !stopping ? connectionsOf(peer, limits) : 0),
    onTaken: ({ peer }) => options.onSession(peer?.name ?? ""),
  });
  const admission = createAdmission(limits, unfinished);

  const listening: Listening = {
    limits,
    unfinished,
    offersTls: () => certificate !== null,
    stopping: () => stopping,
    refusalAtConnect,
    onReply: ({ peer }, code) => options.onReply(peer?.name ?? "", code),
    onRefused: tellRefusal,
    onMessage: receive,
    onFailed: ({ remoteAddress, peer }, cause) =>
      options.onError(cause, { address: remoteAddress, peer: peer?.name ?? null }),
    onTlsFailed: (connection, why) => tellRefusal(connection, "tls-handshake", why),
    onLeaving: places.left,
  };

  const server = createSmtpServer({ ...options, admission, places, onFault: internalError });
  server.on("error", (cause) => options.onError(cause, null));

  function refusalAtConnect(connection: Mm4Connection): SmtpReply | undefined {
    const { peer } = connection;
    if (stopping) return REPLIES.shuttingDown;
    // A full service is healthy. A balancer that heard otherwise would take its sessions away.
    if (connection.healthCheck) return undefined;
    if (!peer) return REPLIES.unknownPeer;
    if (places.taken() >= limits.clients) return REPLIES.tooManyClients;
    // A connection beyond its peer's limit is greeted too. It gets a place at MAIL, if one is free by then.
    places.tryTake(connection);
    return undefined;
  }

  function tellRefusal(
    { remoteAddress, peer, hostNameAppearsAs }: Mm4Connection,
    reason: string,
    detail: string | null,
  ) {
    const helo = shownName(hostNameAppearsAs);
    const address = peer ? remoteAddress : networkOf(remoteAddress);
    onRefused({ address, peer: peer?.name ?? null, helo, reason, detail });
  }

  async function receive(connection: Mm4Connection, bytes: Buffer): Promise<Answer> {
    const { peer, id } = connection;
    if (!peer) return unheard(REPLIES.internalError);
    const { mailFrom: sender } = connection.session.envelope;
    const mailFrom = sender ? sender.address : "";
    try {
      return await options.onMessage({
        sessionId: id,
        peer: { identity: identify(connection, peer), entry: peer },
        mailFrom,
        bytes,
        receivedAt: new Date(),
      });
    } catch (cause) {
      return unheard(internalError(cause as Error));
    }
  }

  function internalError(cause: Error): SmtpReply {
    options.onError(cause, null);
    return REPLIES.internalError;
  }

  function connections(): readonly Mm4Connection[] {
    return [...server.open];
  }

  const door = await openDoor({
    host: options.host,
    port: options.port,
    smtpsPort: options.smtpsPort,
    maxClients: limits.clients,
    headerMs: limits.firstCommandMs,
    isProxy: options.isProxy,
    findPeer: (address) => findPeer(address),
    onArrival: (arrival) => server.admit(arrival, listening),
    maxOf: (peer) => connectionsOf(peer, limits),
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
        // Only a new connection can satisfy the new entry. Until the transaction is over, the old entry holds.
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
      while (server.open.size > 0 && performance.now() < endMs) {
        await new Promise((resolve) => setTimeout(resolve, STOPPING_LOOKED_AT_EVERY_MS));
      }
      for (const connection of connections()) connection.refuse(REPLIES.shuttingDown);
      await door.emptied(GOODBYE_MS);
    },
  };
}

/** An answer for which nobody needs to know whether it was sent. */
function unheard(reply: SmtpReply): Answer {
  return { reply, onAnswered: () => {} };
}
