/** Asks the running service, over `control.sock` in its data directory, where things are. */
import { createConnection } from "node:net";
import { join, resolve } from "node:path";
import type { ServiceFacts } from "../admin/control.ts";
import type { Status } from "../admin/status.ts";
import type { Config, LoadedConfig, LogLevel, Origin } from "../config.ts";
import { type RedisPlace, redisOf } from "../queue/redis.ts";
import type { Refusal } from "../smtp/refusals.ts";

const ANSWER_DEADLINE_MS = 3_000;

/** Where the service on this data directory is; undefined when none is running. */
export function askService({ dataDir }: Pick<Config, "dataDir">): Promise<ServiceFacts | undefined> {
  return ask(dataDir, "facts") as Promise<ServiceFacts | undefined>;
}

/** Who was refused lately, by the service on this data directory; undefined when none is running. */
export function askRefusals({ dataDir }: Pick<Config, "dataDir">): Promise<readonly Refusal[] | undefined> {
  return ask(dataDir, "refusals") as Promise<readonly Refusal[] | undefined>;
}

/** How the service on this data directory is, in words; undefined when none is running. */
export function askStatus({ dataDir }: Pick<Config, "dataDir">): Promise<Status | undefined> {
  return ask(dataDir, "status") as Promise<Status | undefined>;
}

/** Changes the log level of the service on this data directory, and gives the one before; undefined when none is running. */
export function changeLogLevel({ dataDir }: Pick<Config, "dataDir">, level: LogLevel): Promise<string | undefined> {
  return ask(dataDir, `log-level ${level}`) as Promise<string | undefined>;
}

function ask(dataDir: string, question: string): Promise<unknown> {
  return new Promise((done) => {
    const socket = createConnection(join(resolve(dataDir), "control.sock"), () => socket.write(`${question}\n`));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      answer += text;
    });
    socket.on("end", () => done(answer.trim() === "" ? undefined : JSON.parse(answer)));
    socket.on("error", () => done(undefined));
    // One that is frozen does not answer.
    socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy(new Error("no answer")));
  });
}

/** An address that listens everywhere is reached here. */
export function reached(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

/** Where the queue is. */
export interface QueuePlace {
  readonly redis: RedisPlace;
  readonly queue: string;
  readonly queuePrefix: string;
}

/** The queue in the settings; where they leave something open, the running service's. */
export async function findQueue({ config, origins }: LoadedConfig): Promise<QueuePlace> {
  const service = await askService(config);
  const redis = redisOf(config) ?? service?.redis;
  if (redis === undefined) {
    throw new Error(
      `Cannot find the queue: no mm4d is running on the data directory ${resolve(config.dataDir)}, must be started ("npm start"), or set REDIS_URL or MM4D_REDIS_SENTINELS`,
    );
  }
  return {
    redis,
    queue: settingOr(origins.queue, config.queue, service?.queue),
    queuePrefix: settingOr(origins.queuePrefix, config.queuePrefix, service?.queuePrefix),
  };
}

/** What is set; where nothing is, what the running service says; else the default. */
export function settingOr<T>(origin: Origin, setting: T, running: T | undefined): T {
  return origin === "default" ? (running ?? setting) : setting;
}
