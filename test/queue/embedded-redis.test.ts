import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../src/queue/embedded-redis.ts";
import { eventually, startRedis } from "../support/redis.ts";

let directory: string;
let restarts: string[];
let started: EmbeddedRedis[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-embedded-"));
  restarts = [];
  started = [];
});
afterEach(async () => {
  for (const redis of started) await redis.stop(5_000);
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis({ directory, onRestart: (reason) => restarts.push(reason) });
  started.push(redis);
  return redis;
}

async function ask<T>({ url }: EmbeddedRedis, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  redis.on("error", () => {});
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

test("it keeps what it is told over a restart, on the same port, with the settings a queue needs", async () => {
  const first = await start();
  await ask(first, (redis) => redis.set("kept", "yes"));
  expect(await ask(first, (redis) => redis.config("GET", "maxmemory-policy"))).toEqual([
    "maxmemory-policy",
    "noeviction",
  ]);
  expect(await ask(first, (redis) => redis.config("GET", "appendonly"))).toEqual(["appendonly", "yes"]);
  expect(await ask(first, (redis) => redis.config("GET", "bind"))).toEqual(["bind", "127.0.0.1"]);
  expect(await first.stop(5_000)).toMatch(/^[0-9a-f]{40} [0-9a-f]{40}$/);
  const second = await start();
  expect(second.url).toBe(first.url);
  expect(await ask(second, (redis) => redis.get("kept"))).toBe("yes");
});

test("one that was left over is adopted", async () => {
  const first = await start();
  const second = await start();
  expect([second.adopted, second.pid(), second.url]).toEqual([true, first.pid(), first.url]);
});

test("one that dies is started again on its port, with its data", async () => {
  const redis = await start();
  await ask(redis, (client) => client.set("kept", "yes"));
  const pid = redis.pid();
  await new Promise((resolve) => setTimeout(resolve, 1_100)); // everysec: what is younger may be lost.
  process.kill(pid, "SIGKILL");
  await eventually(
    () => redis.pid(),
    (now) => now !== pid,
  );
  expect(await ask(redis, (client) => client.get("kept"))).toBe("yes");
  expect(restarts.length).toBe(1);
});

test("a process that is not ours is never touched, whatever the state file says", async () => {
  const foreign = await startRedis();
  try {
    writeFileSync(
      join(directory, "process.json"),
      JSON.stringify({ pid: foreign.pid(), startedAt: "1", port: foreign.port }),
    );
    const redis = await start();
    expect([redis.adopted, redis.url === foreign.url]).toEqual([false, false]);
    await redis.stop(5_000);
    expect(await ask({ ...redis, url: foreign.url }, (client) => client.ping())).toBe("PONG");

    // Even one with our pid and start time, when its data is elsewhere.
    const stat = readFileSync(`/proc/${foreign.pid()}/stat`, "latin1");
    const startedAt = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    writeFileSync(
      join(directory, "process.json"),
      JSON.stringify({ pid: foreign.pid(), startedAt, port: foreign.port }),
    );
    await expect(start()).rejects.toThrow("its directory is");
    expect(await ask({ ...redis, url: foreign.url }, (client) => client.ping())).toBe("PONG");
  } finally {
    await foreign.stop();
  }
});
