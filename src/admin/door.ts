/**
 * Who may hold a connection of the HTTP port, and for how long. A probe is always
 * served: when there are too many connections, the one that has been idle longest is
 * closed, and the new one stays.
 */
import type { IncomingMessage, RequestListener, Server, ServerOptions } from "node:http";
import type { Socket } from "node:net";
import { BOUNDS } from "../bounds/bounds.ts";

/** How long a connection may take, in milliseconds. */
export interface HttpTimes {
  readonly header: number;
  readonly request: number;
  /** Between two requests. */
  readonly kept: number;
  /** While the client reads nothing of an answer. */
  readonly answerStands: number;
  /** While a part of an answer is left to read. */
  readonly answer: number;
  /** How often connections are checked. */
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

/** The limits that Node.js enforces: counted from the start of a connection or request, even if bytes trickle in. */
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
  /** Requests whose answer has not ended. */
  readonly requests: Set<IncomingMessage>;
  /** When it began to wait for a request, or to be answered. */
  sinceMs: number;
  /** When the system last had taken everything that we wrote to it. */
  readAtMs: number;
  /** Requests that came before the previous one was answered. */
  readonly waiting: (() => void)[];
}

export interface DoorOptions {
  readonly times: HttpTimes;
  /** The network of an address: a client that has one address of it has them all. */
  readonly networkOf: (address: string) => string;
}

/** Guards the connections of a server until it is closed. */
export function keepDoor(server: Server, { times, networkOf }: DoorOptions): void {
  const connections = new Map<Socket, Connection>();
  // After that time Node.js ends a connection that reads nothing of what is written to it.
  server.timeout = times.answerStands;
  // Node.js does not notice empty lines that trickle in before a request, and bytes that come while an answer is not read.
  const silentMs = times.kept + times.request;

  server.on("connection", (socket: Socket) => {
    const nowMs = performance.now();
    const network = networkOf(socket.remoteAddress ?? "");
    makeRoom(network);
    connections.set(socket, { socket, network, requests: new Set(), sinceMs: nowMs, readAtMs: nowMs, waiting: [] });
    socket.once("close", () => connections.delete(socket));
  });
  // One request at a time, each in its own turn of the event loop, because one packet may hold thousands and
  // Node.js would handle them all at once. RFC 9112 §9.3.2.
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
   * Closes a connection so that a network may open another. All clients behind a proxy share its address; they
   * lose nothing by that, because when their share is used up an idle connection gives way to the new one.
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

/** The connection least worth keeping has the lowest number. */
const USE = { nothingAsked: 0, answerUnread: 1, answered: 2 } as const;

function useOf({ socket, requests }: Connection): number {
  // A request whose body has not ended is not asked yet.
  if (![...requests].some(({ complete }) => complete)) return USE.nothingAsked;
  return socket.writableLength > 0 ? USE.answerUnread : USE.answered;
}

function comesBefore(one: Connection, other: Connection): boolean {
  const difference = useOf(one) - useOf(other);
  return difference === 0 ? one.sinceMs < other.sinceMs : difference < 0;
}
