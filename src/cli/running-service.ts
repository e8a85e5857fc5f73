/** Asks the running service, over `control.sock` in its data directory, where things are. */
import { resolve } from "node:path";
import type { ServiceFacts } from "../admin/control.ts";
import type { Status } from "../admin/status.ts";
import type { Config, LoadedConfig, LogLevel, Origin } from "../config.ts";
import { askControl } from "../control-client.ts";
import type { FanOut } from "../delivery/fan-out.ts";
import { type RedisClient, type RedisPlace, redisOf, withRedis } from "../queue/redis.ts";
import type { Refusal } from "../smtp/refusals.ts";
import { ownName } from "./own-name.ts";
import { loadSettings } from "./settings.ts";

/** Where the service on this data directory is; undefined when none is running. */
export function askService({ dataDir }: Pick<Config, "dataDir">): Promise<ServiceFacts | undefined> {
  return askControl(dataDir, "facts") as Promise<ServiceFacts | undefined>;
}

/** Who was refused lately. Rejects when no service is running on the data directory of the settings. */
export function askRefusals(): Promise<readonly Refusal[]> {
  return askRunning("list refusals", "refusals");
}

/** How the service is, in words. Rejects when none is running. */
export function askStatus(): Promise<Status> {
  return askRunning("tell the status", "status");
}

/** Changes the log level of the service, and gives the one before. Rejects when none is running. */
export function changeLogLevel(level: LogLevel): Promise<string> {
  return askRunning("change the log level", `log-level ${level}`);
}

async function askRunning<Answer>(action: string, question: string): Promise<Answer> {
  const { dataDir } = loadSettings(action).config;
  const answer = await askControl(dataDir, question);
  if (answer !== undefined) return answer as Answer;
  throw new Error(
    `Cannot ${action}: no mm4d is running on the data directory ${resolve(dataDir)}, must be started ("${ownName()} serve")`,
  );
}

/** An address that listens everywhere is reached here. */
export function reached(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

/** Where the queue is. */
export interface QueuePlace {
  readonly redis: RedisPlace;
  readonly queue: string;
  readonly queues: readonly FanOut[];
  readonly queuePrefix: string;
}

/** The queue in the settings; where they leave something open, the running service's. */
export async function findQueue({ config, origins }: LoadedConfig): Promise<QueuePlace> {
  const service = await askService(config);
  const redis = redisOf(config) ?? service?.redis;
  if (redis === undefined) {
    throw new Error(
      `Cannot find the queue: no mm4d is running on the data directory ${resolve(config.dataDir)}, must be started ("${ownName()} serve"), or set REDIS_URL or MM4D_REDIS_SENTINELS`,
    );
  }
  return {
    redis,
    queue: settingOr(origins.queue, config.queue, service?.queue),
    queues: settingOr(origins.queues, config.queues, service?.queues),
    queuePrefix: settingOr(origins.queuePrefix, config.queuePrefix, service?.queuePrefix),
  };
}

/** Opens something in the queue's Redis, does one thing with it, and closes it. */
export async function withOpened<Opened extends { close(): Promise<void> }>(
  action: string,
  open: (redis: RedisClient, place: QueuePlace) => Opened,
  use: (opened: Opened) => Promise<void>,
): Promise<void> {
  const place = await findQueue(loadSettings(action));
  await withRedis(place.redis, async (redis) => {
    const opened = open(redis, place);
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
