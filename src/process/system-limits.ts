/** What the system lets a process do, and in words why it refuses. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";

/** Files for connections that are refused as too many, HTTP, Redis, the journal, and for Node.js itself. */
const FILES_BESIDE_CLIENTS = 800;

/**
 * How many files and sockets a process of this machine may have open. Null when the
 * system does not tell, because only Linux does.
 */
export function openFilesLimit(pid: number | "self" = "self"): number | null {
  try {
    const [, limit] = /^Max open files +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8")) ?? [];
    if (limit === "unlimited") return Number.POSITIVE_INFINITY;
    return limit === undefined ? null : Number(limit);
  } catch {
    return null;
  }
}

/** One sentence when the limit is too low for so many connections, else none. */
export function tooFewFiles(limit: number | null, maxClients: number): readonly string[] {
  if (limit === null || limit >= maxClients + FILES_BESIDE_CLIENTS) return [];
  const enough = limit - FILES_BESIDE_CLIENTS;
  const lower = enough > 0 ? `, or lower MM4D_MAX_CLIENTS to ${enough}` : "";
  return [
    `Only ${limit} files may be open, too few for MM4D_MAX_CLIENTS=${maxClients}. Further peers would be dropped without a word. Raise it to ${maxClients + FILES_BESIDE_CLIENTS} (LimitNOFILE=, ulimit -n)${lower}`,
  ];
}

/**
 * Tells when no more files may be opened. Node.js itself does not report a connection that it
 * has no file for: it accepts and closes it with a spare file (libuv's uv__emfile_trick).
 */
export function watchOpenFiles(onUsedUp: (limit: number) => void) {
  const limit = openFilesLimit() ?? Number.POSITIVE_INFINITY;
  const look = (): void => {
    try {
      closeSync(openSync("/dev/null", "r"));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EMFILE") onUsedUp(limit);
    }
  };
  // The system gives out the lowest free number, so a connection with the last number means that all are used.
  const arrived = (message: unknown): void => {
    const { _handle: handle } = (message as { socket: Socket & { _handle?: { fd?: number } } }).socket;
    if ((handle?.fd ?? 0) >= limit - 1) onUsedUp(limit);
  };
  subscribe(ARRIVED, arrived);
  return {
    /** Tries to open a file. A shortage between two looks is seen by the number of a connection. */
    look,
    stop: () => void unsubscribe(ARRIVED, arrived),
  };
}

/** Node.js publishes each connection of every server here. */
const ARRIVED = "net.server.socket";

export const DENIED = "permission denied";

/** Why a port cannot be listened on, and what to do about it when that is known. */
export function whyNotListening({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return "the port is taken, must be free";
  if (code !== "EACCES") return message;
  return `${DENIED}, must be allowed: ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= of systemd, --cap-add of Docker, setcap), or net.ipv4.ip_unprivileged_port_start`;
}
