/** A real Redis of the test's own, on a free port. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Redis } from "ioredis";

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  pid(): number;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Over a connection of its own. */
  call(...command: readonly [string, ...string[]]): Promise<unknown>;
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Only its place is made; `start` starts it. */
  readonly later?: boolean;
}

export async function startRedis(
  settings: readonly string[] = [],
  { later = false }: TestRedisOptions = {},
): Promise<TestRedis> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawn(
      "redis-server",
      [
        "--port",
        String(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        directory,
        "--save",
        "",
        "--appendonly",
        "yes",
        ...settings,
      ],
      { stdio: "ignore" },
    );
    await call("PING");
  }
  async function call(name: string, ...args: string[]): Promise<unknown> {
    const redis = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    redis.on("error", () => {}); // Refused until it listens.
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }
  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
  if (!later) await start();
  return {
    url,
    port,
    directory,
    pid: () => child?.pid ?? 0,
    signal: (signal) => void child?.kill(signal),
    call,
    kill: () => end("SIGKILL"),
    start,
    async stop() {
      await end("SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const given = new Set<number>();
/** Files that run at the same time, each in a process of its own, take ports of their own. */
const PORTS = 2_500;
const SHARE = Number(process.env.VITEST_POOL_ID ?? 1) % 8;

/**
 * A port that nobody listens on, and nobody else here is given. Not of those that
 * the system takes for outgoing connections, of which some tests make thousands.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + SHARE * PORTS + Math.floor(Math.random() * PORTS);
    if (given.has(port)) continue;
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    given.add(port);
    if (free) return port;
  }
}

const MOST_REST_MS = 500;

/** Waits until something is so; fails with what it was when it never is. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  fits: (value: T) => boolean,
  limitMs = 60_000,
): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    const lookedMs = performance.now();
    const value = await look();
    if (fits(value)) return value;
    const nowMs = performance.now();
    const waitedMs = nowMs - startedMs;
    if (waitedMs > limitMs) throw new Error(`Not so after ${limitMs} ms: ${JSON.stringify(value)}`);
    // What takes long is looked at less often, because looking may cost as much as what is waited for.
    const restMs = Math.min(20 + waitedMs / 20, 100);
    // A page that is loaded again, or a command that is run again, would else have a core for itself.
    await wait(Math.max(restMs, Math.min(2 * (nowMs - lookedMs), MOST_REST_MS)));
  }
}
