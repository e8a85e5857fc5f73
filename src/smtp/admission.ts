/**
 * Who may deliver here now: which peer a connection counts as, whether its login and
 * its certificate are right, and which senders and recipients it may name.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { PeerIdentity } from "../delivery/peer.ts";
import type { Mm4Connection } from "./connection.ts";
import { FIRST_BYTES } from "./data-reader.ts";
import { canonicalDomain } from "./domain.ts";
import { createPace, type Limits } from "./limits.ts";
import { createLogins } from "./logins.ts";
import { splitAddress } from "./path.ts";
import type { ClientCertificate, Peer } from "./peer.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";
import type { Unfinished } from "./unfinished.ts";

export interface Admission {
  /** Null when the login is right. */
  authenticate(connection: Mm4Connection, user: string, password: string): Promise<SmtpReply | null>;
  /** Why this peer may not send this message now; undefined when it may. */
  refusalOfSender(connection: Mm4Connection, address: string, sizeBytes: number): SmtpReply | undefined;
}

const MAX_FAILED_LOGINS = 3;

export function createAdmission(limits: Limits, unfinished: Unfinished): Admission {
  const mayGoOn = createPace();
  const logins = createLogins();

  return {
    async authenticate(connection: Mm4Connection, user: string, password: string): Promise<SmtpReply | null> {
      const known = connection.peer?.auth;
      if (!known) return REPLIES.unknownCommand;
      const { remoteAddress: address, peer } = connection;
      const login = await logins.check({ peer: peer?.name ?? "", address, user, password }, known);
      if (connection.revoked) return REPLIES.accessChanged;
      if (login === "right") return null;
      if (login === "busy") return REPLIES.authBusy;
      connection.failedLogins += 1;
      return connection.failedLogins >= MAX_FAILED_LOGINS ? REPLIES.authTooOften : REPLIES.authFailed;
    },

    refusalOfSender(connection: Mm4Connection, address: string, sizeBytes: number): SmtpReply | undefined {
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
    },
  };
}

function isExpected(connection: Mm4Connection, { fingerprint, subject }: ClientCertificate): boolean {
  const socket = connection.tlsSocket();
  const certificate = socket?.getPeerCertificate();
  if (!socket || !certificate?.fingerprint256) return false;
  const { fingerprint256, subject: named } = certificate;
  if (fingerprint !== null && fingerprint256.replaceAll(":", "").toLowerCase() === fingerprint) return true;
  // A name proves something only when an authority that we trust has signed it.
  return subject !== null && socket.authorized && named.CN === subject;
}

/** What must be equal for a session to go on under a changed entry: who the peer is, and how it has to prove that. */
export function rightsOf(peer: Peer | undefined): string {
  return JSON.stringify(peer && [peer.name, peer.tls, peer.clientCertificate, peer.auth]);
}

/** The name by which a client greeted, for people; a long one is cut. */
export function shownName(helo: string | false): string | null {
  return helo ? helo.slice(0, BOUNDS.heloLength.value) : null;
}

/** Who sends a message, as its event says it. */
export function identify(
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

/**
 * Whether a recipient's address is one of ours. Its local part does not matter: a number,
 * a short code, "system-user". An address without a domain can only be ours, unless it
 * hides one: `user%host`, `host!user`. `here` are our own addresses as the client sees
 * them; they count as ours beside the domains that are set.
 */
export function isOurs(address: string, domains: ReadonlySet<string>, here: readonly string[]): boolean {
  const written = splitAddress(address).domain;
  if (written === null) return !/[%!@]/.test(address);
  if (domains.size === 0) return true;
  const domain = canonicalDomain(written);
  return domains.has(domain) || here.some((own) => canonicalDomain(own) === domain);
}

/** The domain as {@link canonicalDomain} spells it. An address without a domain is treated as one. */
export function domainOf(address: string): string {
  return canonicalDomain(splitAddress(address).domain ?? address);
}

/** How many connections a peer may have at a time. It cannot take the others' places, unless its entry says so. */
export function connectionsOf(
  { limits: own, listed }: Peer,
  { clients, clientsPerPeer }: Pick<Limits, "clients" | "clientsPerPeer">,
): number {
  if (own.connections !== null) return own.connections;
  if (!listed) return clientsPerPeer;
  return Math.min(clientsPerPeer, Math.max(1, Math.floor(clients * BOUNDS.connectionsShare.value)));
}
