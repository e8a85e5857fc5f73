/**
 * Who may hold a connection of the HTTP port, and for how long. A probe is always
 * served: where there are too many connections, the one that has been of no use
 * for the longest gives way, and not the newcomer.
 */
import type { IncomingMessage, RequestListener, Server, ServerOptions } from "node:http";
import type { Socket } from "node:net";
import { BOUNDS } from "../bounds/bounds.ts";

/** What a connection may take, in milliseconds. */
export interface HttpTimes {
  readonly header: number;
  readonly request: number;
  /** Between two requests. */
  readonly kept: number;
  /** While nothing of an answer is read. */
  readonly answerStands: number;
  /** While there is something of an answer to read. */
  readonly answer: number;
  /** How often it is looked. */
  readonly look: number;
}

export const HTTP_TIMES: HttpTimes = {
  header: BOUNDS.httpHeaderMs.value,
  request: BOUNDS.httpRequestMs.value,
  kept: BOUNDS.httpKeptMs.value,
  answerStands: BOUNDS.httpAnswerStandsMs.value,
  answer: BOUNDS.httpAnswerMs.value,
  look: 1_000,
};

/** What Node.js sees to: from the beginning of a connection, or of its next request, whatever trickles in. */
export function deadlines({ header, request, kept, look }: HttpTimes): ServerOptions {
  return {
    headersTimeout: header,
    requestTimeout: request,
    keepAliveTimeout: kept,
    connectionsCheckingInterval: look,
  };
}

interface Connection {
  readonly socket: Socket;
  readonly network: string;
  /** Those that are not answered to their end. */
  readonly requests: Set<IncomingMessage>;
  /** Since when it waits for a request, or is being answered. */
  sinceMs: number;
  /** When all that was said to it had been taken by the system last. */
  readAtMs: number;
  /** Requests that came before the one before them was answered. */
  readonly waiting: (() => void)[];
}

export interface DoorOptions {
  readonly times: HttpTimes;
  /** Of an address: who has one of its addresses has all. */
  readonly networkOf: (address: string) => string;
}

/** Keeps the door of a server until that is closed. */
export function keepDoor(server: Server, { times, networkOf }: DoorOptions): void {
  const connections = new Map<Socket, Connection>();
  // Node.js ends then what is written to and does not read, unless less of it is left than before.
  server.timeout = times.answerStands;
  // What it does not see: empty lines that trickle in before a request; bytes that come where an answer is not read.
  const silentMs = times.kept + times.request;

  server.on("connection", (socket: Socket) => {
    const nowMs = performance.now();
    const network = networkOf(socket.remoteAddress ?? "");
    makeRoom(network);
    connections.set(socket, { socket, network, requests: new Set(), sinceMs: nowMs, readAtMs: nowMs, waiting: [] });
    socket.once("close", () => connections.delete(socket));
  });
  // One request at a time, each in a turn of its own: thousands may stand in one packet, and Node.js would
  // have all of them answered at once. RFC 9112 §9.3.2.
  const answer = server.listeners("request") as RequestListener[];
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    const connection = connections.get(request.socket);
    if (!connection) return;
    const begin = (): void => {
      if (request.socket.destroyed) return;
      connection.requests.add(request);
      connection.sinceMs = performance.now();
      response.once("close", () => {
        connection.requests.delete(request);
        connection.sinceMs = performance.now();
        const next = connection.waiting.shift();
        if (next) setImmediate(next);
      });
      for (const listener of answer) listener.call(server, request, response);
    };
    if (connection.requests.size === 0 && connection.waiting.length === 0) begin();
    else if (connection.waiting.length < BOUNDS.httpRequestsWaiting.value) connection.waiting.push(begin);
    else end(connection);
  });
  const looking = setInterval(endLate, times.look).unref();
  server.once("close", () => clearInterval(looking));

  /**
   * For one of a network. Behind a proxy everybody has its address, and loses nothing by its share: of a network
   * that has all of it, too, a connection gives way on which nothing is asked, and a new one is taken.
   */
  function makeRoom(network: string): void {
    const all = [...connections.values()];
    const its = all.filter((connection) => connection.network === network);
    const tooMany = its.length >= BOUNDS.httpConnectionsOfNetwork.value;
    if (tooMany) giveWay(its);
    else if (all.length >= BOUNDS.httpConnections.value) giveWay(all);
  }

  function giveWay(some: readonly Connection[]): void {
    const first = some.reduce((least, one) => (comesBefore(one, least) ? one : least));
    end(first);
  }

  function endLate(): void {
    const nowMs = performance.now();
    for (const connection of connections.values()) {
      const { socket, sinceMs } = connection;
      if (socket.writableLength === 0) connection.readAtMs = nowMs;
      const isLate = useOf(connection) === USE.nothingAsked && nowMs - sinceMs > silentMs;
      if (isLate || nowMs - connection.readAtMs > times.answer) end(connection);
    }
  }

  function end({ socket }: Connection): void {
    connections.delete(socket);
    socket.destroy();
  }
}

/** The least worth keeping first. */
const USE = { nothingAsked: 0, answerUnread: 1, answered: 2 } as const;

function useOf({ socket, requests }: Connection): number {
  // One whose body does not come to an end has not asked yet.
  if (![...requests].some(({ complete }) => complete)) return USE.nothingAsked;
  return socket.writableLength > 0 ? USE.answerUnread : USE.answered;
}

function comesBefore(one: Connection, other: Connection): boolean {
  const difference = useOf(one) - useOf(other);
  return difference === 0 ? one.sinceMs < other.sinceMs : difference < 0;
}
