/** Asks the running service, over `control.sock` in its data directory, where things are. */
import { createConnection } from "node:net";
import { join, resolve } from "node:path";
import type { ServiceFacts } from "../admin/control.ts";
import type { Config } from "../config.ts";

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
  });
}

/** The Redis that holds the queue: the one in the settings, or the running service's own. */
export async function findRedisUrl(config: Config): Promise<string> {
  if (config.redisUrl !== null) return config.redisUrl;
  const service = await askService(config);
  if (service) return service.redisUrl;
  throw new Error(
    `Cannot find the queue: no mm4d is running on the data directory ${resolve(config.dataDir)}, must be started ("npm start"), or set REDIS_URL`,
  );
}
