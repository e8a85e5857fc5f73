/**
 * The door: takes connections, finds out whose they are, and lets them in to
 * SMTP. Only listed balancers are believed when they name a client.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { BOUNDS } from "../bounds/bounds.ts";
import { type FindPeer, plainAddress } from "./access.ts";
import type { Arrival } from "./connection.ts";
import { type Crowd, createCrowd } from "./crowd.ts";
import { createPace } from "./limits.ts";
import type { Peer } from "./peer.ts";
import { type ProxyHeader, readProxyHeader } from "./proxy-header.ts";

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  /** Where TLS begins before SMTP does; null for nowhere. */
  readonly smtpsPort: number | null;
  /** Most connections at a time. A few more are accepted, so that they hear that there are too many. */
  readonly maxClients: number;
  /** How long a balancer may take to name the client, in milliseconds. */
  readonly headerMs: number;
  readonly isProxy: (address: string) => boolean;
  readonly findPeer: FindPeer;
  readonly onArrival: (arrival: Arrival) => void;
  /** Most connections of one peer at a time. Some more are greeted, and wait for a place. */
  readonly maxOf: (peer: Peer) => number;
  /** A connection was closed without a reply, because a reply would cost too much or not be understood. */
  readonly onTurnedAway: (address: string, peer: string | null, reason: "flood" | "proxy-header") => void;
  /** A connection could not be accepted. The listener goes on. */
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
  /** Resolves when every connection has ended. After `deadlineMs` it ends those that are left. */
  emptied(deadlineMs: number): Promise<void>;
}

/** How many strangers are being refused at a time. Each takes a moment to go, and a flood of them must not hold memory. */
const MAX_STRANGERS = 100;
/** Limited because a handshake costs us a hundred times what it costs them. */
const STRANGERS_HANDSHAKES_PER_SECOND = 10;
/** How long a stranger may take to read its refusal, including its TLS handshake. */
const STRANGER_MS = 5_000;
/** How many connections beyond the limit are refused with a reply. Further ones are closed without one. */
const TOLD_CONNECTIONS = 100;
const BACKLOG = 4_096;

/** Rejects when an address cannot be listened on. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { host, port, smtpsPort, maxClients, headerMs, isProxy, findPeer, maxOf, onArrival, onTurnedAway } = options;
  const sockets = createCrowd<Socket>();
  const strangers = createCrowd<Socket>();
  const healthChecks = createCrowd<Socket>();
  const byPeer = new Map<string, Crowd<Socket>>();
  /** Connections that were beyond their peer's limit when they came. They take no other connection's place. */
  const spare = createCrowd<Socket>();
  const servers: Server[] = [];
  const mayShakeHands = createPace();

  function arrive(socket: Socket, implicitTls: boolean): void {
    const sinceMs = performance.now();
    const { remoteAddress: address, remotePort: clientPort, localAddress } = socket;
    // An error before SMTP begins is not worth reporting.
    socket.on("error", NOTHING);
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
      // Version 1 has no LOCAL, so HAProxy's checks name HAProxy itself as the client.
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
        // A balancer that only checks whether the port is open sends nothing. That is not worth reporting.
        if (header !== undefined) onTurnedAway(address, null, "proxy-header");
        socket.destroy();
      }
    });
  }

  /** Counts also connections in a handshake and refused ones that do not go, so that no peer takes all places. */
  function holdPeer(socket: Socket, peer: Peer): boolean {
    const held = byPeer.get(peer.name) ?? createCrowd<Socket>();
    byPeer.set(peer.name, held);
    const beyond = held.size - maxOf(peer);
    if (beyond >= BOUNDS.spareConnectionsOfPeer.value) return false;
    if (beyond >= 0 && spare.size >= BOUNDS.spareConnections.value) return false;
    if (beyond >= 0) hold(socket, spare);
    hold(socket, held);
    return true;
  }

  /** A balancer checks over one or two connections at a time. */
  function holdHealthCheck(socket: Socket): boolean {
    if (healthChecks.size >= BOUNDS.healthChecks.value) return false;
    hold(socket, healthChecks);
    // A health check belongs to no peer, and takes no place.
    hold(socket, spare);
    return true;
  }

  /** False when there are too many strangers. */
  function holdStranger(socket: Socket, implicitTls: boolean): boolean {
    if (strangers.size >= MAX_STRANGERS) return false;
    if (implicitTls && !mayShakeHands("strangers", STRANGERS_HANDSHAKES_PER_SECOND)) return false;
    hold(socket, strangers);
    const timer = setTimeout(() => socket.destroy(), STRANGER_MS);
    socket.once("close", () => clearTimeout(timer));
    return true;
  }

  async function listen(on: number, implicitTls: boolean): Promise<Address> {
    // A client that has closed its sending side still reads, so the holder of the socket ends it. RFC 1122 §4.2.2.13.
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

const NOTHING = (): void => {};

/** Counts a socket until it has ended. */
function hold(socket: Socket, held: Crowd<Socket>): void {
  socket.on("close", held.enter(socket));
}

/** Reads a balancer's header, before the client's first byte. Undefined when none comes in time, or the balancer leaves. */
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
    // Input that the client has sent already belongs to SMTP.
    if ("bytes" in header && received.byteLength > header.bytes) socket.unshift(received.subarray(header.bytes));
    finish(header);
  };
  socket.on("readable", read);
  socket.once("close", gone);
  socket.once("end", gone);
}
