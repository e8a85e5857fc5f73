/**
 * `control.sock` in the data directory is the lock on that directory, and answers
 * the command line: a question is a line, the answer is JSON.
 *
 * A socket is a good lock, because it dies with its process. A socket that refuses
 * a connection is stale.
 */
import { closeSync, openSync, rmSync, statSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { FanOut } from "../delivery/fan-out.ts";
import type { RedisPlace } from "../queue/redis.ts";

/** Where a running service listens, and what it uses. */
export interface ServiceFacts {
  readonly pid: number;
  readonly redis: RedisPlace;
  readonly queue: string;
  readonly queues: readonly FanOut[];
  readonly queuePrefix: string;
  readonly domain: readonly string[];
  readonly smtp: { readonly host: string; readonly port: number };
  readonly smtps: { readonly host: string; readonly port: number } | null;
  readonly admin: { readonly host: string; readonly port: number };
  /** Its other settings. A service of 1.0 does not tell them. */
  readonly settings?: ServiceSettings;
}

/** Settings of a running service by their names, without secrets. A service of another version has more or fewer. */
export interface ServiceSettings {
  /** How long the trace remembers, in hours; 0 for not at all. */
  readonly traceHours?: number;
  readonly [name: string]: unknown;
}

/** The outcome of flushing the trace, and what may explain why something is missing in it. */
export interface TraceState {
  /** Whether everything that the trace had to write is in Redis now. */
  readonly flushed: boolean;
  readonly redisAway: string | null;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  /** How many notes Redis did not take. */
  readonly lost: number;
}

/** By question: a function that gives the answer or a promise of it. */
type Answers = Readonly<Record<string, () => unknown>>;

export interface Control {
  /** Sets the answers from now on. Before that, and to any other question, the answer is an empty line. */
  answer(answers: Answers): void;
  /**
   * Makes sure of the lock. Takes it again when the data directory was removed and
   * created again. Rejects when another process has the lock by now, or the directory
   * is gone.
   */
  hold(): Promise<void>;
  release(): Promise<void>;
}

const ASK_DEADLINE_MS = 5_000;
const MAX_QUESTION_LENGTH = 100;

/** The longest path a Unix socket may have: 108 bytes with the closing NUL on Linux, 104 on macOS. */
const MAX_PATH_BYTES = 103;

/** Locks the data directory. Rejects with a sentence when another process has it. */
export async function takeControl(dataDir: string): Promise<Control> {
  const path = join(dataDir, "control.sock");
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new Error(
      `Cannot lock the data directory: the path of ${path} is longer than ${MAX_PATH_BYTES} bytes, must be shorter`,
    );
  }
  let answers: Answers = {};
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // The client has left.
    socket.setTimeout(ASK_DEADLINE_MS, () => socket.destroy());
    let question = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      question += text;
      if (!question.includes("\n") && question.length < MAX_QUESTION_LENGTH) return;
      socket.removeAllListeners("data").resume();
      void reply(question.trim())
        .catch(() => "")
        .then((text) => socket.end(`${text}\n`));
    });
  };
  /** An empty text when there is no answer, which the client reads as `unanswered`. */
  async function reply(asked: string): Promise<string> {
    const answer = Object.hasOwn(answers, asked) ? await answers[asked]?.() : undefined;
    return answer === undefined ? "" : JSON.stringify(answer);
  }
  const servers: Server[] = [];
  let held: string | undefined;

  async function take(): Promise<void> {
    const server = createServer(serve);
    await listenOrTakeOver(server, path);
    servers.push(server);
    held = identityOf(path);
  }
  await take();
  return {
    answer(next) {
      answers = next;
    },
    async hold() {
      if (identityOf(path) !== held) await take();
    },
    async release() {
      for (const socket of sockets) socket.destroy();
      // Closing a server removes the file at its path, which may be another process's socket by now.
      const there = identityOf(path);
      if (there !== undefined && there !== held) for (const server of servers) server.unref();
      else await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
    },
  };
}

/** Tells a file from another one of the same name, even where the file system uses an inode number again. */
function identityOf(path: string): string | undefined {
  const file = statSync(path, { throwIfNoEntry: false });
  return file && `${file.ino} ${file.birthtimeMs}`;
}

async function listenOrTakeOver(server: Server, path: string): Promise<void> {
  if (await listen(server, path)) return;
  if (await isAnswered(path)) throw inUse(path);
  // The socket is stale. Only the holder of the guard may remove it, and tries it once more before that. So of several
  // processes that start at once, one wins.
  const guard = `${path}.takeover`;
  takeGuard(guard, path);
  try {
    if (await isAnswered(path)) throw inUse(path);
    rmSync(path, { force: true });
    if (!(await listen(server, path))) throw inUse(path);
  } finally {
    rmSync(guard, { force: true });
  }
}

function inUse(path: string): Error {
  return new Error(
    `Cannot use the data directory: another mm4d is using it (${path}), must be stopped first, or set MM4D_DATA_DIR`,
  );
}

/** A guard is held for milliseconds. An older one was left by a crash. */
const GUARD_LEFT_MS = 10_000;

function takeGuard(guard: string, path: string): void {
  try {
    if (Date.now() - statSync(guard).mtimeMs > GUARD_LEFT_MS) rmSync(guard, { force: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
  try {
    closeSync(openSync(guard, "wx", 0o600));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") throw inUse(path);
    throw cause;
  }
}

/** Resolves with false when the path is taken. */
function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      if (cause.code === "EADDRINUSE") resolve(false);
      else reject(cause);
    };
    server.once("error", failed);
    // Exclusive, because node:cluster would share one socket between the processes.
    server.listen({ path, exclusive: true }, () => {
      server.off("error", failed);
      server.on("error", () => {}); // A connection could not be accepted.
      resolve(true);
    });
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
