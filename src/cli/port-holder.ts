/** Who listens on a port of this machine, by Linux's /proc. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isIPv4 } from "node:net";
import { dirname, join } from "node:path";
import { dataDirOf } from "../process/directories.ts";
import { visible } from "../text/visible.ts";

export interface Holder {
  readonly uid: number;
  /** Null when the process belongs to another user and we may not look into it. */
  readonly process: {
    readonly pid: number;
    readonly command: string;
    /** Set when it is an mm4d. */
    readonly dataDir: string | null;
  } | null;
}

/** Who keeps us from listening there; null when the port is free or the system does not tell. */
export function findHolder(host: string, port: number, proc = "/proc"): Holder | null {
  const [held] = ["tcp", "tcp6"].flatMap((table) => listeners(join(proc, "net", table), host, port));
  if (!held) return null;
  const inodes = socketsOfProcesses(proc);
  const pids = [...inodes].filter(([, sockets]) => sockets.has(held.inode)).map(([pid]) => pid);
  // The processes of one service share the socket; the oldest is the parent of the others.
  const pid = pids.sort((a, b) => a - b)[0];
  if (pid === undefined) return { uid: held.uid, process: null };
  const sockets = new Set(pids.flatMap((one) => [...(inodes.get(one) ?? [])]));
  return { uid: held.uid, process: { pid, command: commandOf(proc, pid), dataDir: controlledBy(proc, sockets) } };
}

/** The holder in words, for the end of a sentence. */
export function describeHolder({ uid, process: held }: Holder): string {
  if (held === null) return `another process, of uid ${uid}, which only that user and root can look into`;
  const whose = uid === process.geteuid?.() ? "" : ` of uid ${uid}`;
  return `pid ${held.pid} (${held.command})${whose}`;
}

const LISTENING = "0A";
const ANY_ADDRESS = /^0+$/;

/** The sockets in one of the system's tables that listen on a port. */
function listeners(table: string, host: string, port: number): readonly { inode: string; uid: number }[] {
  const [, ...rows] = textOf(table).trim().split("\n");
  return rows.flatMap((row) => {
    const [, local = "", , state, , , , uid = "", , inode = ""] = row.trim().split(/\s+/);
    const [address = "", hexPort = ""] = local.split(":");
    const isOurs = state === LISTENING && Number.parseInt(hexPort, 16) === port && isInTheWay(address, host);
    return isOurs ? [{ inode, uid: Number(uid) }] : [];
  });
}

/** Whether two listeners collide. One that listens on all addresses collides with every other. */
function isInTheWay(address: string, host: string): boolean {
  if (ANY_ADDRESS.test(address) || host === "0.0.0.0" || !isIPv4(host)) return true;
  return address === Buffer.from(host.split(".").map(Number)).reverse().toString("hex").toUpperCase();
}

/** The inodes of each process's sockets, for the processes that we may look into. */
function socketsOfProcesses(proc: string): ReadonlyMap<number, ReadonlySet<string>> {
  const sockets = new Map<number, ReadonlySet<string>>();
  for (const pid of namesIn(proc).filter((name) => /^\d+$/.test(name))) {
    const links = namesIn(join(proc, pid, "fd")).map((fd) => linkOf(join(proc, pid, "fd", fd)));
    const inodes = links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
    if (inodes.length > 0) sockets.set(Number(pid), new Set(inodes));
  }
  return sockets;
}

/** The data directory whose control socket is among these sockets. When there are several processes, the first may be down. */
function controlledBy(proc: string, sockets: ReadonlySet<string>): string | null {
  const rows = textOf(join(proc, "net", "unix")).split("\n");
  const paths = rows.flatMap((row) => {
    const [, inode = "", path = ""] = /^(?:\S+ +){6}(\d+) +(\/.*\/control\.sock)$/.exec(row.trim()) ?? [];
    return sockets.has(inode) ? [path] : [];
  });
  const [any] = paths;
  return any === undefined ? null : dataDirOf(dirname(any));
}

const MAX_COMMAND_LENGTH = 100;

function commandOf(proc: string, pid: number): string {
  const command = visible(
    textOf(join(proc, String(pid), "cmdline"))
      .replaceAll("\0", " ")
      .trim(),
  );
  return command.length > MAX_COMMAND_LENGTH ? `${command.slice(0, MAX_COMMAND_LENGTH)}…` : command;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Empty when the file was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
