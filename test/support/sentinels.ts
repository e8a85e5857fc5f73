/** A master, its replica, and three sentinels that watch over them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { eventually, freePort, startRedis, type TestRedis } from "./redis.ts";

export interface TestSentinels {
  readonly master: TestRedis;
  readonly replica: TestRedis;
  /** host:port of each, as the setting takes them. */
  readonly addresses: string;
  /** For ioredis. */
  readonly options: { readonly sentinels: { host: string; port: number }[]; readonly name: string };
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const SENTINELS = 3;

export async function startSentinels(): Promise<TestSentinels> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-sentinel-"));
  const master = await startRedis();
  const replica = await startRedis(["--replicaof", HOST, String(master.port)]);
  const ports: number[] = [];
  const children: ChildProcess[] = [];
  for (let index = 0; index < SENTINELS; index++) {
    const port = await freePort();
    const file = join(directory, `${index}.conf`);
    writeFileSync(
      file,
      [
        `port ${port}`,
        `bind ${HOST}`,
        `dir ${directory}`,
        `sentinel monitor mymaster ${HOST} ${master.port} 2`,
        "sentinel down-after-milliseconds mymaster 1000",
        "sentinel failover-timeout mymaster 5000",
        "",
      ].join("\n"),
    );
    children.push(spawn("redis-server", [file, "--sentinel"], { stdio: "ignore" }));
    ports.push(port);
  }
  const sentinels = ports.map((port) => ({ host: HOST, port }));
  // Ready when each knows the replica and the two others.
  for (const { port } of sentinels) {
    const redis = new Redis(port, HOST, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    redis.on("error", () => {}); // Refused until it listens.
    await eventually(
      async () => {
        const facts = (await redis.call("SENTINEL", "MASTER", "mymaster")) as string[];
        const fact = (name: string): string => facts[facts.indexOf(name) + 1] ?? "";
        return [fact("num-slaves"), fact("num-other-sentinels")].join();
      },
      (known) => known === `1,${SENTINELS - 1}`,
    );
    redis.disconnect();
  }
  return {
    master,
    replica,
    addresses: sentinels.map(({ host, port }) => `${host}:${port}`).join(","),
    options: { sentinels, name: "mymaster" },
    async stop() {
      for (const child of children) {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await ended;
      }
      await replica.stop();
      await master.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
