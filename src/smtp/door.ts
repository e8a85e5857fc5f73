/**
 * The door: takes connections, finds out whose they are, and lets them in to
 * SMTP. What a balancer tells is believed of listed balancers only.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { BOUNDS } from "../bounds/bounds.ts";
import { type FindPeer, plainAddress } from "./access.ts";
import type { Arrival } from "./connection.ts";
import { createPace } from "./limits.ts";
import type { Peer } from "./peer.ts";
import { type ProxyHeader, readProxyHeader } from "./proxy-header.ts";

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  /** Where TLS begins before SMTP does; null for nowhere. */
  readonly smtpsPort: number | null;
  /** Most connections at a time; a few more are accepted, so that they hear that there are too many. */
  readonly maxClients: number;
  /** How long a balancer may take to say whose the connection is, in milliseconds. */
  readonly headerMs: number;
  readonly isProxy: (address: string) => boolean;
  readonly findPeer: FindPeer;
  readonly onArrival: (arrival: Arrival) => void;
  /** Most connections of one peer at a time; some more are greeted, and wait for a place. */
  readonly maxOf: (peer: Peer) => number;
  /** A connection that is closed without a word, because words would cost too much or not be understood. */
  readonly onTurnedAway: (address: string, peer: string | null, reason: "flood" | "proxy-header") => void;
  /** A listener's error that does not end it: a connection that could not be accepted. */
  readonly onError: (error: Error) => void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Door {
  readonly address: Address;
  readonly smtpsAddress: Address | null;
  /** Takes no more connections. */
  close(): void;
  /** Resolves when every connection has ended, and ends those that have not after `deadlineMs`. */
  emptied(deadlineMs: number): Promise<void>;
}

/** Strangers that are being refused at a time. Each takes a moment to go; a flood of them must not hold memory. */
const MAX_STRANGERS = 100;
/** A handshake costs us a hundred times what it costs them. */
const STRANGERS_HANDSHAKES_PER_SECOND = 10;
/** How long a stranger may take to hear it, its TLS handshake included. */
const STRANGER_MS = 5_000;
/** Connections beyond the limit that are refused with a reply. Further ones are closed without one. */
const TOLD_CONNECTIONS = 100;
const BACKLOG = 4_096;

/** Rejects when an address cannot be listened on. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { host, port, smtpsPort, maxClients, headerMs, isProxy, findPeer, maxOf, onArrival, onTurnedAway } = options;
  const sockets = new Set<Socket>();
  const strangers = new Set<Socket>();
  const healthChecks = new Set<Socket>();
  const byPeer = new Map<string, Set<Socket>>();
  /** Those of peers that were beyond their peer's limit when they came. They take no other connection's place. */
  const spare = new Set<Socket>();
  const servers: Server[] = [];
  const mayShakeHands = createPace();

  function arrive(socket: Socket, implicitTls: boolean): void {
    const sinceMs = performance.now();
    const { remoteAddress: address, remotePort: clientPort, localAddress } = socket;
    // An error before SMTP handles it is not worth telling.
    socket.on("error", () => {});
    if (address === undefined || clientPort === undefined) {
      socket.destroy();
      return;
    }
    if (sockets.size - spare.size >= maxClients + TOLD_CONNECTIONS) {
      onTurnedAway(address, null, "flood");
      socket.destroy();
      return;
    }
    hold(socket, sockets);
    const letIn = (told: { address: string; port: number; to?: string }, itself = false): void => {
      const from = { port: told.port, address: plainAddress(told.address) };
      const here = [localAddress, told.to].filter((own) => own !== undefined);
      const known = findPeer(from.address);
      // HAProxy's checks with version 1, which has no LOCAL, name HAProxy as the client.
      const healthCheck = itself ? !known?.listed : told.to !== undefined && !known && isProxy(from.address);
      const peer = healthCheck ? undefined : known;
      const held = healthCheck
        ? holdHealthCheck(socket)
        : peer
          ? holdPeer(socket, peer)
          : holdStranger(socket, implicitTls);
      if (held) {
        onArrival({ socket, ...from, here, peer, healthCheck, implicitTls, sinceMs });
        return;
      }
      onTurnedAway(from.address, peer?.name ?? null, "flood");
      socket.destroy();
    };
    if (!isProxy(address)) {
      letIn({ address, port: clientPort });
      return;
    }
    readHeader(socket, headerMs, (header) => {
      if (header?.kind === "client") letIn(header);
      else if (header?.kind === "itself") letIn({ address, port: clientPort }, true);
      else {
        // A balancer that only looks whether the port is open says nothing, and is no news.
        if (header !== undefined) onTurnedAway(address, null, "proxy-header");
        socket.destroy();
      }
    });
  }

  /** Also those that are in a handshake still, or have been refused and do not go: none may take all places. */
  function holdPeer(socket: Socket, peer: Peer): boolean {
    const held = byPeer.get(peer.name) ?? new Set<Socket>();
    byPeer.set(peer.name, held);
    const beyond = held.size - maxOf(peer);
    if (beyond >= BOUNDS.spareConnectionsOfPeer.value) return false;
    if (beyond >= 0 && spare.size >= BOUNDS.spareConnections.value) return false;
    if (beyond >= 0) hold(socket, spare);
    hold(socket, held);
    return true;
  }

  /** A balancer asks over one or two at a time. */
  function holdHealthCheck(socket: Socket): boolean {
    if (healthChecks.size >= BOUNDS.healthChecks.value) return false;
    hold(socket, healthChecks);
    // They belong to no peer, and take no place.
    hold(socket, spare);
    return true;
  }

  /** False when there are too many of them. */
  function holdStranger(socket: Socket, implicitTls: boolean): boolean {
    if (strangers.size >= MAX_STRANGERS) return false;
    if (implicitTls && !mayShakeHands("strangers", STRANGERS_HANDSHAKES_PER_SECOND)) return false;
    hold(socket, strangers);
    const timer = setTimeout(() => socket.destroy(), STRANGER_MS);
    socket.once("close", () => clearTimeout(timer));
    return true;
  }

  async function listen(on: number, implicitTls: boolean): Promise<Address> {
    // A client that has closed its sending side still reads: the one that holds the socket ends it. RFC 1122 §4.2.2.13.
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => arrive(socket, implicitTls));
    const address = await new Promise<AddressInfo>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port: on, host, backlog: BACKLOG }, () => {
        server.off("error", reject);
        server.on("error", options.onError);
        resolve(server.address() as AddressInfo);
      });
    });
    servers.push(server);
    return { host: address.address, port: address.port };
  }

  const close = (): void => {
    for (const server of servers.splice(0)) server.close();
  };
  try {
    const address = await listen(port, false);
    const smtpsAddress = smtpsPort === null ? null : await listen(smtpsPort, true);
    return {
      address,
      smtpsAddress,
      close,
      async emptied(deadlineMs) {
        const endMs = performance.now() + deadlineMs;
        while (sockets.size > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 10));
        for (const socket of sockets) socket.destroy();
      },
    };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** Counts a socket until it has ended. */
function hold(socket: Socket, held: Set<Socket>): void {
  held.add(socket);
  socket.once("close", () => held.delete(socket));
}

/** Reads what a balancer says before the client's first byte; undefined when it says nothing in time, or leaves. */
function readHeader(socket: Socket, deadlineMs: number, done: (header: ProxyHeader | undefined) => void): void {
  let received = Buffer.alloc(0);
  const finish = (header: ProxyHeader | undefined): void => {
    clearTimeout(timer);
    socket.off("readable", read);
    socket.off("close", gone);
    socket.off("end", gone);
    done(header);
  };
  const gone = (): void => finish(undefined);
  const timer = setTimeout(gone, deadlineMs);
  const read = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    received = Buffer.concat([received, chunk]);
    const header = readProxyHeader(received);
    if (header.kind === "incomplete") return;
    // What the client said already is SMTP's.
    if ("bytes" in header && received.byteLength > header.bytes) socket.unshift(received.subarray(header.bytes));
    finish(header);
  };
  socket.on("readable", read);
  socket.once("close", gone);
  socket.once("end", gone);
}
