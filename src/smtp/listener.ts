/** The SMTP listener: takes messages from peers, and answers for what became of each. */
import type { AddressInfo } from "node:net";
import { domainToASCII } from "node:url";
import type { SMTPServerDataStream, SMTPServerSession } from "smtp-server";
import type { PeerIdentity } from "../delivery/peer.ts";
import type { FindPeer } from "./access.ts";
import { type Mm4Connection, Mm4Server } from "./connection.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** The name we greet with. */
  readonly hostname: string;
  /** Domains whose recipients are accepted; empty for every domain. */
  readonly domains: readonly string[];
  readonly maxMessageBytes: number;
  readonly maxClients: number;
  readonly findPeer: FindPeer;
  /** One message. Must resolve in time; a rejection is answered as an internal error. */
  readonly onMessage: (message: SmtpMessage) => Promise<SmtpReply>;
  readonly onRefused: (refusal: Refused) => void;
  /** An error of one session, such as a connection that broke, or of our own. */
  readonly onError: (error: Error) => void;
  /** The code of every reply, those of the SMTP library among them. */
  readonly onReply: (code: number) => void;
}

/** Why a client was refused before its message was looked at. */
export interface Refused {
  readonly address: string;
  readonly reason: "unknown-peer" | "unknown-domain" | "message-too-large";
  /** The domain that is not ours. */
  readonly domain?: string;
}

export interface SmtpMessage {
  readonly sessionId: string;
  readonly peer: PeerIdentity;
  readonly bytes: Uint8Array;
  readonly receivedAt: Date;
}

export interface Listener {
  readonly address: { readonly host: string; readonly port: number };
  readonly connections: () => number;
  /** Takes no new sessions, ends idle ones, lets open DATA finish for `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** A client that says nothing for this long is sent away. RFC 5321 §4.5.3.2.7 asks for five minutes. */
const IDLE_TIMEOUT_MS = 300_000;
const MAX_RECIPIENTS = 1_000;
/** What is read of one message, in bytes, before its sender counts as endless; eight times the limit where that is more. */
const ENDLESS_BYTES = 67_108_864;

/** Rejects when the address cannot be listened on. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { findPeer, onRefused, maxMessageBytes } = options;
  const inData = new Set<string>();
  let stopping = false;

  const server = new Mm4Server({
    name: options.hostname,
    banner: "mm4d",
    size: maxMessageBytes,
    // AUTH and STARTTLS are off until they are set up: smtp-server's own certificate has a key that everybody knows.
    disabledCommands: ["AUTH", "STARTTLS", "WIZ", "SHELL", "KILL"],
    authOptional: true,
    hideENHANCEDSTATUSCODES: false,
    disableReverseLookup: true,
    lenientAddressParsing: true,
    logger: false,
    maxClients: options.maxClients,
    maxRecipients: MAX_RECIPIENTS,
    socketTimeout: IDLE_TIMEOUT_MS,
    heloResponse: "%s",

    onConnect(session, callback) {
      if (findPeer(session.remoteAddress) !== undefined) return callback();
      // A balancer's check that was gone before it was looked at has no address any more: no peer, and no news.
      if (session.remoteAddress === "") return callback(asError(REPLIES.unknownPeer));
      onRefused({ address: session.remoteAddress, reason: "unknown-peer" });
      callback(asError(REPLIES.unknownPeer));
    },

    onRcptTo({ address }, session, callback) {
      if (isOurs(address, options.domains)) return callback();
      onRefused({ address: session.remoteAddress, reason: "unknown-domain", domain: domainOf(address) });
      callback(asError(REPLIES.unknownDomain));
    },

    onData(stream, session, callback) {
      inData.add(session.id);
      void answer(stream, session)
        .catch((cause: unknown) => {
          options.onError(cause as Error);
          return REPLIES.internalError as SmtpReply;
        })
        .then((reply) => {
          inData.delete(session.id);
          if (!reply) return;
          if (reply.code < 400) callback(null, reply.text);
          else callback(asError(reply));
          if (stopping) sayGoodbye();
        });
    },
  });
  server.onReply = options.onReply;
  let listening = false;
  // Before that, an error is the listener's own, and rejects below.
  server.on("error", (cause) => listening && options.onError(cause));

  /** Undefined when the client went away before the end of its message. */
  async function answer(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<SmtpReply | undefined> {
    const bytes = await collect(stream, maxMessageBytes);
    if (bytes === "endless") {
      onRefused({ address: session.remoteAddress, reason: "message-too-large" });
      connectionOf(session)?.send(REPLIES.messageTooLarge.code, REPLIES.messageTooLarge.text);
      connectionOf(session)?.close();
      return undefined;
    }
    if (bytes === "broken-off") return undefined;
    if (bytes === "too-large") {
      onRefused({ address: session.remoteAddress, reason: "message-too-large" });
      return REPLIES.messageTooLarge;
    }
    return options.onMessage({ sessionId: session.id, peer: identify(session), bytes, receivedAt: new Date() });
  }

  function connectionOf({ id }: SMTPServerSession): Mm4Connection | undefined {
    const connections = [...server.connections] as unknown as Mm4Connection[];
    return connections.find(({ session }) => session.id === id);
  }

  function identify(session: SMTPServerSession): PeerIdentity {
    const { tlsOptions: tls } = session;
    return {
      name: findPeer(session.remoteAddress) ?? "",
      address: session.remoteAddress,
      helo: session.hostNameAppearsAs || null,
      tls: tls ? { protocol: tls.version, cipher: tls.name } : null,
      user: session.user ? String(session.user) : null,
    };
  }

  /** Every session that is not in the middle of a message is told to come again elsewhere. */
  function sayGoodbye(): void {
    for (const connection of [...server.connections] as unknown as Mm4Connection[]) {
      if (!inData.has(connection.session.id)) connection.send(REPLIES.shuttingDown.code, REPLIES.shuttingDown.text);
    }
  }

  const address = await listen(server, options);
  listening = true;
  return {
    address,
    connections: () => server.connections.size,
    async stop(graceMs) {
      stopping = true;
      server.options.closeTimeout = Math.max(graceMs, 1);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      sayGoodbye();
      await closed;
    },
  };
}

function listen(server: Mm4Server, { host, port }: ListenerOptions): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.server.once("error", reject);
    server.listen(port, host, () => {
      server.server.off("error", reject);
      const { address, port: bound } = server.server.address() as AddressInfo;
      resolve({ host: address, port: bound });
    });
  });
}

/**
 * The message as bytes. What is beyond the limit is read and thrown away, because
 * a client hears the reply only after it has sent everything. One that goes on
 * for many times the limit is cut.
 */
function collect(
  stream: SMTPServerDataStream,
  limitBytes: number,
): Promise<Uint8Array | "too-large" | "endless" | "broken-off"> {
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = [];
    let length = 0;
    stream.on("data", (chunk: Uint8Array) => {
      length += chunk.byteLength;
      if (length <= limitBytes) chunks.push(chunk);
      else chunks = [];
      if (length > Math.max(ENDLESS_BYTES, limitBytes * 8)) resolve("endless");
    });
    stream.on("end", () => resolve(length > limitBytes ? "too-large" : Buffer.concat(chunks)));
    stream.on("error", () => resolve("broken-off"));
    stream.on("close", () => resolve("broken-off"));
  });
}

/** Whatever the local part: a number, a short code, "system-user". An address without a domain can only be ours. */
function isOurs(address: string, domains: readonly string[]): boolean {
  return domains.length === 0 || !address.includes("@") || domains.includes(domainOf(address));
}

function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf("@") + 1);
  // The library shows an internationalised domain in Unicode; the settings have it as it is on the wire.
  return domainToASCII(domain) || domain.toLowerCase();
}

function asError({ code, text }: SmtpReply): Error & { responseCode: number } {
  return Object.assign(new Error(text), { responseCode: code });
}
