import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../src/queue/embedded-redis.ts";
import { eventually, freePort, startRedis } from "../support/redis.ts";

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

/** What it says to whoever has no password. */
async function askAsStranger(port: number, ...[name, ...args]: readonly [string, ...string[]]): Promise<unknown> {
  const redis = new Redis(port, "127.0.0.1", { enableReadyCheck: false, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    return await redis.call(name, ...args).catch((cause: Error) => cause.message);
  } finally {
    redis.disconnect();
  }
}

test("whoever has not its password hears NOAUTH, and no process, log or other file shows the password", async () => {
  const redis = await start();
  const { password, port } = new URL(redis.url);
  expect(password).toMatch(/^[\w-]{43}$/);
  const tried = ["GET kept", "FLUSHALL", "CONFIG GET *", "EVAL redis.call('flushall') 0"];
  for (const [name = "", ...args] of tried.map((line) => line.split(" ")))
    expect(await askAsStranger(Number(port), name, ...args)).toBe("NOAUTH Authentication required.");

  const { stdout } = await promisify(execFile)("ps", ["axeww", "-o", "args"], { maxBuffer: 2 ** 26 });
  expect(stdout).toContain(port);
  expect(stdout).not.toContain(password);
  expect(readFileSync(`/proc/${redis.pid()}/cmdline`, "latin1")).not.toContain(password);
  expect(readFileSync(`/proc/${redis.pid()}/environ`, "latin1")).not.toContain(password);
  const { stdout: files } = await promisify(execFile)("grep", ["-rlaF", "-e", password, directory]);
  expect(files).toBe(`${redis.urlFile}\n`);
  expect(readFileSync(redis.urlFile, "utf8")).toBe(`${redis.url}\n`);
  expect(statSync(redis.urlFile).mode & 0o777).toBe(0o600);
});

test("it has all its settings before it begins, so that one whose mm4d is killed then asks for the password too", async () => {
  const programs = mkdtempSync(join(tmpdir(), "mm4d-programs-"));
  const before = process.env.PATH;
  const real = (await promisify(execFile)("sh", ["-c", "command -v redis-server || command -v valkey-server"])).stdout;
  // Tells what its standard input is, and what is in it before anybody could write more.
  const told = join(programs, "told");
  const script = `#!/bin/sh\nreadlink /proc/$$/fd/0 >${told}\ncat /proc/$$/fd/0 >>${told}\nexec ${real.trim()} "$@"\n`;
  writeFileSync(join(programs, "redis-server"), script, { mode: 0o700 });
  try {
    process.env.PATH = `${programs}:${before}`;
    const redis = await start();
    const [input = "", ...settings] = readFileSync(told, "utf8").trimEnd().split("\n");
    expect(input).toBe(`${join(directory, "settings.new")} (deleted)`);
    expect(settings).toContain(`requirepass "${new URL(redis.url).password}"`);
    expect(settings.at(-1)).toBe('daemonize "no"');
  } finally {
    process.env.PATH = before;
    rmSync(programs, { recursive: true });
  }
});

test("it has the same password after a restart, and another service's has another", async () => {
  const first = await start();
  await first.stop(5_000);
  const second = await start();
  expect([second.adopted, second.url]).toEqual([false, first.url]);
  const elsewhere = mkdtempSync(join(tmpdir(), "mm4d-embedded-"));
  try {
    const other = await startEmbeddedRedis({ directory: elsewhere, onRestart() {} });
    started.push(other);
    expect(new URL(other.url).password).not.toBe(new URL(first.url).password);
    await other.stop(5_000);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

test("one that 1.0.0 left running without a password begins anew with one, on its port, with its data", async () => {
  const port = await freePort();
  const settings = ["--bind", "127.0.0.1", "--dir", directory, "--appendonly", "yes", "--appendfsync", "everysec"];
  const old = spawn("redis-server", ["--port", String(port), "--save", "", ...settings], { stdio: "ignore" });
  const ended = new Promise((resolve) => old.once("exit", (code, signal) => resolve(code ?? signal)));
  await eventually(
    () => askAsStranger(port, "SET", "kept", "yes"),
    (said) => said === "OK",
  );
  // What somebody made for later, while everybody could.
  await askAsStranger(port, "ACL", "SETUSER", "later", "on", "nopass", "~*", "+@all");
  writeFileSync(join(directory, "process.json"), stateOf(old.pid ?? 0, port));

  const redis = await start();
  expect(await ended).toBe(0);
  expect([redis.adopted, new URL(redis.url).port]).toEqual([false, String(port)]);
  expect(await ask(redis, (client) => client.get("kept"))).toBe("yes");
  expect(await askAsStranger(port, "GET", "kept")).toBe("NOAUTH Authentication required.");
  expect(await ask(redis, (client) => client.call("ACL", "USERS"))).toEqual(["default"]);
});

test("one whose password was lost is left alone, and what to do is said", async () => {
  const redis = await start();
  rmSync(redis.urlFile);
  await expect(start()).rejects.toThrow(/its password is not the one in .*url; end that process, then start again/);
  expect(await ask(redis, (client) => client.ping())).toBe("PONG");
});

test("a file that is none of ours in the place of its URL is neither followed nor believed", async () => {
  const file = join(directory, "url");
  const elsewhere = join(directory, "elsewhere");
  symlinkSync(elsewhere, file);
  await expect(start()).rejects.toThrow(`Cannot use ${file}: `);
  expect(existsSync(elsewhere)).toBe(false);
  rmSync(file);
  await promisify(execFile)("mkfifo", [file]);
  await expect(start()).rejects.toThrow(`Cannot use ${file}: it does not hold the URL of the embedded Redis, must`);
  rmSync(file);
  writeFileSync(file, "redis://default:guessed@127.0.0.1:6379\n");
  await expect(start()).rejects.toThrow(`Cannot use ${file}: it does not hold the URL of the embedded Redis, must`);
  rmSync(file);
  await promisify(execFile)("ln", ["-s", elsewhere, `${file}.new`]);
  expect(statSync((await start()).urlFile).mode & 0o777).toBe(0o600);
  expect(existsSync(elsewhere)).toBe(false);
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
    writeFileSync(join(directory, "process.json"), stateOf(foreign.pid(), foreign.port));
    await expect(start()).rejects.toThrow("its directory is");
    expect(await ask({ ...redis, url: foreign.url }, (client) => client.ping())).toBe("PONG");
  } finally {
    await foreign.stop();
  }
});

/** What is remembered of a running Redis. */
function stateOf(pid: number, port: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const startedAt = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return JSON.stringify({ pid, startedAt, port });
}
