/** Asks the running service, over `control.sock` in its data directory, where things are. */
import { createConnection } from "node:net";
import { join, resolve } from "node:path";
import type { ServiceFacts } from "../admin/control.ts";
import type { Config, LoadedConfig, Origin } from "../config.ts";
import { type RedisPlace, redisOf } from "../queue/redis.ts";

const ANSWER_DEADLINE_MS = 3_000;

/** What the service on this data directory says; undefined when none is running. */
export function askService({ dataDir }: Config): Promise<ServiceFacts | undefined> {
  return new Promise((done) => {
    const socket = createConnection(join(resolve(dataDir), "control.sock"));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      answer += text;
    });
    socket.on("end", () => done(answer.trim() === "" ? undefined : (JSON.parse(answer) as ServiceFacts)));
    socket.on("error", () => done(undefined));
    // One that is frozen does not answer.
    socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy(new Error("no answer")));
  });
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
