/**
 * The URL of the embedded Redis with its password, in a file beside its data that
 * only its owner may read. Consumers on this machine read it there, and so does
 * the next mm4d that finds that Redis still running.
 */
import { randomBytes } from "node:crypto";
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const URL_FORM = /^redis:\/\/default:([\w-]{43})@127\.0\.0\.1:\d{1,5}\n$/;

/** The file with the URL of the Redis in a directory. */
export function urlFile(directory: string): string {
  return join(directory, "url");
}

/** The password in the file, or a new one when there is no file. Throws a sentence when the file is not ours. */
export function passwordFor(directory: string): string {
  const file = urlFile(directory);
  const text = readOurs(file);
  if (text === undefined) return randomBytes(32).toString("base64url");
  const [, password] = URL_FORM.exec(text) ?? [];
  if (password !== undefined) return password;
  throw new Error(
    `Cannot use ${file}: it does not hold the URL of the embedded Redis, must; remove it, then start again`,
  );
}

/** Names the user that every Redis has, because redis-cli takes no password without a user. */
export function urlWith(password: string, port: number): string {
  return `redis://default:${password}@127.0.0.1:${port}`;
}

/** Writes the URL, whole or not at all. It must be on the disk before the Redis that asks for this password starts. */
export function keepUrl(directory: string, url: string): void {
  const file = urlFile(directory);
  const text = `${url}\n`;
  if (readOurs(file) === text) return;
  const written = `${file}.new`;
  rmSync(written, { force: true });
  // If another program has put something under that name meanwhile, it is neither followed nor written to.
  const handle = openSync(written, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(written, file);
}

/** Undefined when there is no file. It follows no link, and never waits for a pipe. */
function readOurs(file: string): string | undefined {
  let handle: number;
  try {
    handle = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new Error(`Cannot use ${file}: ${message}`);
  }
  try {
    return readFileSync(handle, "utf8");
  } finally {
    closeSync(handle);
  }
}
