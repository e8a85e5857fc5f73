/** A Redis of a subject's own, as mm4d asks for it. */
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort, kill, LOAD_CORE, start } from "./processes.mjs";

/** Starts it with its data in a directory, which is made when it is not there. */
export async function startRedis(directory) {
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const args = ["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""];
  const keeping = ["--appendonly", "yes", "--appendfsync", "everysec", "--loglevel", "warning"];
  const begin = () => start([...args, ...keeping], { core: LOAD_CORE });
  const client = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: null, retryStrategy: () => 20 });
  client.on("error", () => {});
  let child = begin();
  await client.ping();

  return {
    port,
    client,
    child: () => child,
    /** Away, with all of its data on its disk. */
    async leave() {
      await kill(child, "SIGTERM");
    },
    /** Back, on the same port with the same data. Resolves when it has read that. */
    async comeBack() {
      if (client.status === "ready") await once(client, "close");
      child = begin();
      await client.ping();
    },
    /** The child that rewrites its file takes a core for a second, and would hold up what is measured: none begins now. */
    async rewriteNothing() {
      await client.config("SET", "auto-aof-rewrite-percentage", "0");
      await this.quiet();
    },
    /** Resolves when it rewrites nothing in the background, which would take time from what is measured. */
    async quiet() {
      while (/aof_rewrite_(in_progress|scheduled):1/.test(await client.info("persistence"))) await sleep(100);
    },
    async stop() {
      client.disconnect();
      // Killed, it would leave a child that rewrites its file, and goes on writing where nothing is to be left.
      await kill(child, "SIGTERM");
    },
  };
}
