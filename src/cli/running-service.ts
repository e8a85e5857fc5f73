/** Asks the running service, over `control.sock` in its data directory, where things are. */

import type { FanOut } from "../delivery/fan-out.ts";
import type { RefusalsTold } from "../monitoring/refusals.ts";
import type { Status } from "../monitoring/status.ts";
import type { ServiceFacts, TraceState } from "../process/control.ts";
import { askControl } from "../process/control-client.ts";
import { type QueueAddress, type QueuePlace, withQueuePlace } from "../queue/queue-place.ts";
import { describeRedis, redisOf } from "../queue/redis.ts";
import type { Config, LogLevel } from "../settings/config.ts";
import type { Origin } from "../settings/load.ts";
import { describeNone, type Found, findService, tellFound } from "./find-service.ts";
import { loadSettings, type Settings } from "./settings.ts";

/** Where the service on this data directory is; undefined when none is running. */
export function askService({ dataDir }: Pick<Config, "dataDir">): Promise<ServiceFacts | undefined> {
  return askControl(dataDir, "facts") as Promise<ServiceFacts | undefined>;
}

/** Who was refused in the last 24 hours. Rejects when no service is found. */
export function askRefusals(): Promise<RefusalsTold> {
  return askRunning("list refusals", "refusals-told");
}

/** How the service is, in words. Rejects when none is found. */
export function askStatus(): Promise<Status> {
  return askRunning("tell the status", "status");
}

/** Changes the log level of the service, and gives the one before. Rejects when none is found. */
export function changeLogLevel(level: LogLevel): Promise<string> {
  return askRunning("change the log level", `log-level ${level}`);
}

/** Has the service write down what it remembers of reports; undefined when it cannot, or is of a version that does not. */
export async function flushTrace(found: Found | Apart): Promise<TraceState | undefined> {
  if (found.kind !== "running") return undefined;
  return (await askControl(found.dataDir, "flush-trace")) as TraceState | undefined;
}

async function askRunning<Answer>(action: string, question: string): Promise<Answer> {
  const settings = loadSettings(action);
  const found = await findService(settings);
  if (found.kind === "none") throw new Error(`Cannot ${action}: ${describeNone(found, settings)}`);
  tellFound(found);
  const answer = await askControl(found.dataDir, question);
  if (answer !== undefined) return answer as Answer;
  throw new Error(
    `Cannot ${action}: the mm4d on the data directory ${found.dataDir} (pid ${found.facts.pid}) does not answer that, must be of the same version and not be ending`,
  );
}

/** An address that listens everywhere is reached here. */
export function reached(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

/** The settings, with those of the running service wherever nobody has set one. */
export interface Followed {
  readonly settings: Settings;
  readonly found: Found;
}

/** Finds the service, and goes by its settings wherever ours leave something open. */
export async function followService(settings: Settings): Promise<Followed> {
  return follow(settings, await findService(settings));
}

export function follow(settings: Settings, found: Found): Followed {
  if (found.kind === "none") return { settings, found };
  tellFound(found);
  const { facts, dataDir } = found;
  const { config, origins } = settings;
  const { queue, queues, queuePrefix, domain } = facts;
  const told = Object.entries({ ...facts.settings, queue, queues, queuePrefix, domain }).filter(
    ([name]) => origins[name as keyof Config] === "default",
  );
  const theirs = Object.fromEntries(told) as Partial<Config>;
  // One of them only: they exclude each other.
  const ownPeers = origins.peers !== "default" || origins.peersFile !== "default";
  const peers = ownPeers ? { peers: config.peers, peersFile: config.peersFile } : {};
  return { settings: { ...settings, config: { ...config, ...theirs, ...peers, dataDir } }, found };
}

/** Where the queues of events are, and their names. */
export interface EventQueues extends QueueAddress {
  readonly queue: string;
  readonly queues: readonly FanOut[];
}

/** What a command that asks Redis goes by. */
export interface QueueFound {
  readonly settings: Settings;
  /** The service of that queue, if one was found. */
  readonly found: Found | Apart;
  readonly address: EventQueues;
}

/** One was found that nobody had named, on another Redis than the one that was. */
export interface Apart {
  readonly kind: "apart";
  readonly dataDir: string;
  /** The service's. */
  readonly redis: string;
}

/** The queue in the settings; where they leave something open, the running service's. */
export async function findQueue(given: Settings): Promise<QueueFound> {
  const redis = redisOf(given.config);
  const found = await findService(given);
  const theirs = found.kind === "running" ? describeRedis(found.facts.redis) : null;
  // A Redis that was named is not that of a service which nobody has named.
  const isApart = found.kind === "running" && found.elsewhere && redis && describeRedis(redis) !== theirs;
  const { settings } = isApart ? { settings: given } : follow(given, found);
  const { queue, queues, queuePrefix: prefix } = settings.config;
  const place = redis ?? (found.kind === "running" ? found.facts.redis : undefined);
  if (place !== undefined) {
    const of: QueueFound["found"] = isApart ? { kind: "apart", dataDir: found.dataDir, redis: theirs ?? "" } : found;
    return { settings, found: of, address: { redis: place, prefix, queue, queues } };
  }
  const why = found.kind === "none" ? describeNone(found, given) : "";
  throw new Error(`Cannot find the queue: ${why}. Without a service, REDIS_URL or MM4D_REDIS_SENTINELS must be set`);
}

/** Opens something in the Redis of the queues, does one thing with it, and closes it. */
export async function withOpened<Opened extends { close(): Promise<void> }>(
  action: string,
  open: (place: QueuePlace, queues: EventQueues) => Opened,
  use: (opened: Opened) => Promise<void>,
): Promise<void> {
  const { address } = await findQueue(loadSettings(action));
  await withQueuePlace(address, async (place) => {
    const opened = open(place, address);
    try {
      await use(opened);
    } finally {
      await opened.close();
    }
  });
}

/** What is set; where nothing is, what the running service says; else the default. */
export function settingOr<T>(origin: Origin, setting: T, running: T | undefined): T {
  return origin === "default" ? (running ?? setting) : setting;
}
