/** Which workers of BullMQ are connected to Redis, by the names of their connections. */
import type { QueuePlace } from "./queue-place.ts";

export interface Workers {
  /** How many workers each queue has, and the first of them. */
  readonly byQueue: ReadonlyMap<string, { readonly count: number; readonly first: readonly WorkerSeen[] }>;
  /** Why workers cannot be counted; null when they can. */
  readonly unknown: string | null;
  /** Why a queue without a counted worker may still have one; null when it has none. */
  readonly nameless: string | null;
}

/** A worker's connection, as Redis tells of it. */
export interface WorkerSeen {
  /** As its program has named it; null when it has not. */
  readonly name: string | null;
  readonly address: string;
  /** For how long it has been connected, in seconds. */
  readonly connectedSeconds: number;
}

const MAX_SEEN = 20;

/**
 * A worker of BullMQ, in any language, names its connection after its queue (queue-base.js, clientName), with ":w:"
 * and its own name behind it if it has one. BullMQ's own `getWorkers` makes an object of each client of the server,
 * and reports a worker that does not exist if the server does not know the command.
 */
export async function workersOf({ redis, prefix }: QueuePlace, names: readonly string[]): Promise<Workers> {
  try {
    const list = String(await redis.client("LIST"));
    const byQueue = new Map(names.map((name) => [name, workersNamed(list, clientName(prefix, name))]));
    return { byQueue, unknown: null, nameless: hasNamelessWorker(list) ? NAMELESS : null };
  } catch (cause) {
    // NOPERM, or a server that does not know the command, as some managed servers do not.
    return { byQueue: new Map(), unknown: (cause as Error).message, nameless: null };
  }
}

/** A worker waits by BZPOPMIN. If its user may not name its connection, nothing tells whose worker it is. */
function hasNamelessWorker(list: string): boolean {
  return list.split("\n").some((client) => client.includes(" name= ") && client.includes(" cmd=bzpopmin "));
}

const NAMELESS = "a client that waits as a worker does has no name; its user of Redis needs +client|setname";

function clientName(prefix: string, queue: string): string {
  return ` name=${prefix}:${Buffer.from(queue).toString("base64")}`;
}

function workersNamed(list: string, name: string): { count: number; first: readonly WorkerSeen[] } {
  const first: WorkerSeen[] = [];
  let count = 0;
  for (let at = list.indexOf(name); at !== -1; at = list.indexOf(name, at + name.length)) {
    const end = at + name.length;
    if (list[end] !== " " && !list.startsWith(":w:", end)) continue;
    count += 1;
    if (first.length < MAX_SEEN) first.push(workerSeen(lineAround(list, at), name));
  }
  return { count, first };
}

function lineAround(list: string, at: number): string {
  const end = list.indexOf("\n", at);
  return list.slice(list.lastIndexOf("\n", at) + 1, end === -1 ? undefined : end);
}

function workerSeen(line: string, name: string): WorkerSeen {
  const parts = line.split(" ");
  const field = (label: string): string => parts.find((part) => part.startsWith(label))?.slice(label.length) ?? "";
  const own = field("name=").slice(name.length - " name=".length);
  return {
    name: own.startsWith(":w:") ? own.slice(":w:".length) : null,
    address: field("addr="),
    connectedSeconds: Number(field("age=")),
  };
}
