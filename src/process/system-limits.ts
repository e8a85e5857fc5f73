/** What the system lets a process do, and in words why it does not. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";

/** Connections that are told that there are too many, HTTP, Redis, the journal, and what Node.js itself has open. */
const FILES_BESIDE_CLIENTS = 800;

/**
 * How many files a process may have open, sockets among them: itself, or another one
 * of this machine. Null where the system does not tell: Linux alone does.
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

/** One sentence where they are fewer than so many connections take, else none. */
export function tooFewFiles(limit: number | null, maxClients: number): readonly string[] {
  if (limit === null || limit >= maxClients + FILES_BESIDE_CLIENTS) return [];
  const enough = limit - FILES_BESIDE_CLIENTS;
  const lower = enough > 0 ? `, or lower MM4D_MAX_CLIENTS to ${enough}` : "";
  return [
    `Only ${limit} files may be open, too few for MM4D_MAX_CLIENTS=${maxClients}. Further peers would be dropped without a word. Raise it to ${maxClients + FILES_BESIDE_CLIENTS} (LimitNOFILE=, ulimit -n)${lower}`,
  ];
}

/**
 * Tells when no more files may be opened. Node.js says nothing of a connection that it cannot
 * take: it takes and ends it by a file kept for that (libuv's uv__emfile_trick).
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
  // The system gives the lowest number that is free: the last one tells that all others are used.
  const arrived = (message: unknown): void => {
    const { _handle: handle } = (message as { socket: Socket & { _handle?: { fd?: number } } }).socket;
    if ((handle?.fd ?? 0) >= limit - 1) onUsedUp(limit);
  };
  subscribe(ARRIVED, arrived);
  return {
    /** What came between two looks, and went again, is seen by its number. */
    look,
    stop: () => void unsubscribe(ARRIVED, arrived),
  };
}

/** Published by Node.js with each connection of any server. */
const ARRIVED = "net.server.socket";

export const DENIED = "permission denied";

/** Why a port cannot be listened on, and what to do where that is known. */
export function whyNotListening({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return "the port is taken, must be free";
  if (code !== "EACCES") return message;
  return `${DENIED}, must be allowed: ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= of systemd, --cap-add of Docker, setcap), or net.ipv4.ip_unprivileged_port_start`;
}
