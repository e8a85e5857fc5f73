/**
 * `control.sock` in the data directory: the lock on it, and the way in for the
 * command line, which asks there for the Redis in use.
 *
 * A socket is a good lock, because it dies with its process: refused means
 * stale.
 */
import { renameSync, unlinkSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";

/** What a running service tells the command line. */
export interface ServiceFacts {
  readonly pid: number;
  readonly redisUrl: string;
  readonly queue: string;
  readonly queuePrefix: string;
  readonly smtp: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
}

export interface Control {
  /** What is answered from now on; before that, a question is answered with an empty line. */
  tell(facts: ServiceFacts): void;
  release(): Promise<void>;
}

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
  let facts: ServiceFacts | undefined;
  const server = createServer((socket) => {
    socket.on("error", () => {}); // Whoever asked has left.
    socket.end(`${facts ? JSON.stringify(facts) : ""}\n`);
  });
  await listenOrTakeOver(server, path);
  return {
    tell(next) {
      facts = next;
    },
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function listenOrTakeOver(server: Server, path: string): Promise<void> {
  if (await listen(server, path)) return;
  // Moved away before it is looked at, so that of two processes that find it stale only one takes it over.
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
  if (await isAnswered(aside)) {
    renameSync(aside, path);
    throw new Error(
      `Cannot use the data directory: another mm4d is using it (${path}), must be stopped first, or set MM4D_DATA_DIR`,
    );
  }
  try {
    unlinkSync(aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
  if (!(await listen(server, path)))
    throw new Error(`Cannot use the data directory: another mm4d has just taken it (${path})`);
}

/** False when the path is taken. */
function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      if (cause.code === "EADDRINUSE") resolve(false);
      else reject(cause);
    };
    server.once("error", failed);
    server.listen(path, () => {
      server.off("error", failed);
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
