/**
 * The Redis that mm4d starts for itself when it is given none: a child process
 * on a free loopback port, with its append-only file under the data directory.
 *
 * It runs in a process group of its own, so that Ctrl-C reaches mm4d first and
 * Redis is stopped last. One left over from a SIGKILL is recognised by its pid,
 * its start time and its data directory, and adopted; a Redis that is not ours
 * is never touched.
 *
 * It asks for a password, which only the owner of the directory can read, because
 * every user of the machine reaches its port. It reads its settings from its standard
 * input, a file without a name, because every user can read a command line.
 */
import { execFile, spawn } from "node:child_process";
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { keepUrl, passwordFor, urlFile, urlWith } from "./embedded-url.ts";
import { readServer } from "./redis-server.ts";

export interface EmbeddedRedis {
  /** With its password. */
  readonly url: string;
  /** The file in which consumers on this machine find the URL. */
  readonly urlFile: string;
  /** Whether it was left over from an earlier process. */
  readonly adopted: boolean;
  readonly pid: () => number;
  /** Ends it and waits until it has ended. Gives its identity if everything was on its disk before, and null if not. */
  stop(deadlineMs: number): Promise<string | null>;
}

export interface EmbeddedRedisOptions {
  /** The directory of its data, which is created if it does not exist. */
  readonly directory: string;
  /** Called when it has ended unasked and is being started again. */
  readonly onRestart: (reason: string) => void;
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** The programs looked for on PATH. Valkey is Redis under its new name. */
const PROGRAMS = ["redis-server", "valkey-server"];
const START_DEADLINE_MS = 30_000;
const POLL_MS = 50;
const WATCH_MS = 500;
const LONGEST_WATCH_MS = 10_000;

/** Starts a Redis, or adopts ours. Rejects with a sentence for the person on call when neither can be done. */
export async function startEmbeddedRedis({ directory, onRestart }: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const password = passwordFor(directory);
  const left = await adopt(directory, password);
  let running = left ?? (await launch({ directory, password, preferredPort: loadState(directory)?.port }));
  const stopping = new AbortController();
  const { signal } = stopping;
  const url = urlWith(password, running.port);

  // If it ends unasked, it is started again on the same port, with its data.
  const watch = async (): Promise<void> => {
    for (let pauseMs = WATCH_MS; !signal.aborted; ) {
      await wait(pauseMs, undefined, { signal, ref: false }).catch(() => {}); // It was stopped while it waited.
      if (signal.aborted || isAlive(running.pid)) continue;
      onRestart(`The embedded Redis (pid ${running.pid}) ended. ${lastLogLine(directory)}`.trim());
      try {
        running = await launch({ directory, password, preferredPort: running.port, samePort: true });
        pauseMs = WATCH_MS;
      } catch (cause) {
        running = loadState(directory) ?? running;
        pauseMs = Math.min(pauseMs * 2, LONGEST_WATCH_MS);
        onRestart((cause as Error).message);
      }
    }
  };
  const watched = watch();

  return {
    url,
    urlFile: urlFile(realpathSync(directory)),
    adopted: left !== undefined,
    pid: () => running.pid,
    async stop(deadlineMs) {
      stopping.abort();
      // Waits for a Redis that is just being started again, so that it is ended too.
      await Promise.race([watched, wait(deadlineMs, undefined, { ref: false })]);
      return isAlive(running.pid) ? end(running, password, deadlineMs) : null;
    },
  };
}

/** Our Redis that outlived the process that started it, if there is one and it asks for the password. */
async function adopt(directory: string, password: string): Promise<Running | undefined> {
  const left = await findLeftOver(directory);
  if (!left) return undefined;
  if (await becomesReady(left, { directory, password })) return left;
  // 1.0.0 started it, without a password. It begins anew, because a client that is connected could stay, and any
  // user of the machine could have made a user in it for later.
  await end(left, password, START_DEADLINE_MS);
  return undefined;
}

/** Ends a Redis. Gives its identity if everything was on its disk before, and null if not. */
async function end({ pid, port }: Running, password: string, deadlineMs: number): Promise<string | null> {
  const kept = await keepEverything(port, password, deadlineMs);
  // On SIGTERM, Redis ends in good order.
  process.kill(pid, "SIGTERM");
  const until = performance.now() + deadlineMs;
  while (performance.now() < until) {
    if (!isAlive(pid)) return kept;
    await wait(POLL_MS);
  }
  process.kill(pid, "SIGKILL");
  return null;
}

/** Has everything synced. With `always`, Redis answers a write only when its append-only file is on the disk up to that write. */
async function keepEverything(port: number, password: string, deadlineMs: number): Promise<string | null> {
  const redis = new Redis(port, "127.0.0.1", {
    ...credentials(password),
    retryStrategy: () => null,
    commandTimeout: deadlineMs,
  });
  redis.on("error", () => {}); // The calls below fail.
  try {
    await redis.config("SET", "appendfsync", "always");
    await redis.set("mm4d:stopped", String(Date.now()));
    return (await readServer(redis)).identity;
  } catch {
    return null;
  } finally {
    redis.disconnect();
  }
}

interface Running {
  readonly pid: number;
  /** When the process began, in the system's words. A later process with the same pid has another start. */
  readonly startedAt: string;
  readonly port: number;
}

/** With the user's name, because a Redis without a password then takes any, so that 1.0.0's can be asked too. */
function credentials(password: string) {
  return { username: "default", password };
}

interface Launch {
  readonly directory: string;
  readonly password: string;
  readonly preferredPort: number | undefined;
  /** Whether the port must stay, because consumers know it. */
  readonly samePort?: boolean;
}

async function launch({ directory, password, preferredPort, samePort = false }: Launch): Promise<Running> {
  const program = findProgram();
  const port =
    preferredPort !== undefined && (samePort || (await isFree(preferredPort))) ? preferredPort : await freePort();
  keepUrl(directory, urlWith(password, port));
  const log = openSync(join(directory, "redis.log"), "a", 0o600);
  const settings = openSettings(directory, redisSettings(directory, port, password));
  const child = spawn(program, ["-"], { detached: true, stdio: [settings, log, log] });
  closeSync(settings);
  closeSync(log);
  let failure: string | undefined;
  child.once("error", (cause) => {
    failure = cause.message;
  });
  child.once("exit", () => {
    failure ??= lastLogLine(directory);
  });
  child.unref();
  if (child.pid === undefined) {
    await wait(0);
    throw new Error(`Cannot start ${program}: ${failure ?? "no process"}`);
  }
  const running = { pid: child.pid, startedAt: await startTime(child.pid), port };
  writeFileSync(join(directory, STATE), JSON.stringify(running), { mode: 0o600 });
  await becomesReady(running, { directory, password, failure: () => failure });
  return running;
}

/**
 * Opens the settings for reading, in a file without a name. The whole file is there before Redis starts. From a pipe
 * whose writer has died, Redis would read no settings, and would ask for no password.
 */
function openSettings(directory: string, settings: string): number {
  const file = join(directory, "settings.new");
  rmSync(file, { force: true });
  const written = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    const read = openSync(file, O_RDONLY | O_NOFOLLOW);
    rmSync(file);
    writeFileSync(written, settings);
    return read;
  } finally {
    closeSync(written);
  }
}

/** In the form of redis.conf. */
function redisSettings(directory: string, port: number, password: string): string {
  const settings: Record<string, string> = {
    bind: "127.0.0.1",
    port: String(port),
    requirepass: password,
    dir: realpathSync(directory),
    appendonly: "yes",
    appendfsync: "everysec",
    save: "",
    "maxmemory-policy": "noeviction",
    daemonize: "no",
  };
  // Quoted by JSON, because Redis reads the characters of a path alike.
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}\n`)
    .join("");
}

interface Expected {
  readonly directory: string;
  readonly password: string;
  /** Why it will never answer; undefined while it may answer. */
  readonly failure?: () => string | undefined;
}

/**
 * Waits until Redis answers with our data directory. While it loads its data it may take its time.
 * True when it asks for our password, false when it asks for none; rejects when it asks for another one.
 */
async function becomesReady(
  { pid, port }: Running,
  { directory, password, failure = () => undefined }: Expected,
): Promise<boolean> {
  const redis = new Redis(port, "127.0.0.1", {
    ...credentials(password),
    lazyConnect: true,
    retryStrategy: () => POLL_MS,
    commandTimeout: START_DEADLINE_MS,
  });
  let refused = false;
  redis.on("error", (cause: Error) => {
    // Other errors are expected until it listens; the loop below asks whether it is ready.
    refused ||= cause.message.startsWith("WRONGPASS");
  });
  const until = performance.now() + START_DEADLINE_MS;
  try {
    void redis.connect().catch(() => {});
    while (redis.status !== "ready") {
      const failed = failure();
      if (failed !== undefined) throw new Error(`Cannot start the embedded Redis: ${failed}`);
      if (refused) {
        throw new Error(
          `Cannot use the embedded Redis (pid ${pid}): its password is not the one in ${urlFile(directory)}; end that process, then start again`,
        );
      }
      const loading = redis.status === "connect";
      if (performance.now() > until && !loading) {
        throw new Error(
          `Cannot use the embedded Redis (pid ${pid}): it does not answer on port ${port}; end that process, then start again`,
        );
      }
      await wait(POLL_MS);
    }
    const [, dir] = (await redis.config("GET", "dir")) as [string, string];
    if (dir !== realpathSync(directory)) {
      throw new Error(
        `Cannot use the Redis on port ${port}: its directory is "${dir}", must be "${realpathSync(directory)}"`,
      );
    }
    const [, asked] = (await redis.config("GET", "requirepass")) as [string, string];
    return asked === password;
  } finally {
    redis.disconnect();
  }
}

/** Our Redis that outlived the process that started it. */
async function findLeftOver(directory: string): Promise<Running | undefined> {
  const state = loadState(directory);
  if (!state || !isAlive(state.pid)) return undefined;
  return (await startTime(state.pid)) === state.startedAt ? state : undefined;
}

const STATE = "process.json";

function loadState(directory: string): Running | undefined {
  try {
    const { pid, startedAt, port } = JSON.parse(readFileSync(join(directory, STATE), "utf8")) as Partial<Running>;
    if (!Number.isInteger(pid) || typeof startedAt !== "string" || !Number.isInteger(port)) return undefined;
    return { pid: Number(pid), startedAt, port: Number(port) };
  } catch {
    return undefined;
  }
}

/** The start of a process, from /proc if there is one, else from ps. Empty when there is no such process. */
async function startTime(pid: number): Promise<string> {
  const fields = procFields(pid);
  if (fields) return fields[19] ?? "";
  const ps = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return ps.stdout.trim();
}

/** A zombie, as in a container without an init, is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
  return procFields(pid)?.[0] !== "Z";
}

/** The fields in `stat` behind the process's name, which is in brackets and may hold blanks (proc(5)). */
function procFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function findProgram(): string {
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    for (const program of PROGRAMS) {
      const path = join(directory, program);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this directory.
      }
    }
  }
  throw new Error(
    `Cannot find ${PROGRAMS.join(" or ")} on PATH: run "npm run setup", or set REDIS_URL to a Redis of yours`,
  );
}

function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

function freePort(): Promise<number> {
  return listenOnce(0);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      const found = address !== null && typeof address === "object" ? address.port : port;
      server.close(() => resolve(found));
    });
  });
}

function lastLogLine(directory: string): string {
  try {
    return readFileSync(join(directory, "redis.log"), "utf8").trimEnd().split("\n").at(-1) ?? "";
  } catch {
    return "";
  }
}
