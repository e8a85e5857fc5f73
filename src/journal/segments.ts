/**
 * The segment files of the journal: `0000000001.journal`, `0000000002.journal`, …
 * Numbers name them and not times, so that a clock that steps does no harm.
 */
import { constants, fstatSync, readdirSync, statSync, write } from "node:fs";
import { type FileHandle, mkdir, open, unlink, writeFile } from "node:fs/promises";
import { constants as osConstants } from "node:os";
import { dirname, join } from "node:path";

/** A place in the journal. Everything before it is in this segment or in earlier ones. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

export function isBefore(a: Position, b: Position): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}

/** The segments in a directory, by number. Leaves out all other files. */
export function listSegments(directory: string): readonly { readonly segment: number; readonly bytes: number }[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const digits = /^(\d{10}|[1-9]\d{10,14})\.journal$/.exec(name)?.[1];
      return digits === undefined ? [] : [Number(digits)];
    })
    .sort((a, b) => a - b)
    .flatMap((segment) => {
      const file = statSync(segmentPath(directory, segment), { throwIfNoEntry: false });
      return file?.isFile() ? [{ segment, bytes: file.size }] : [];
    });
}

/**
 * The names of segments that a later version wrote. A version that changes what the
 * bytes mean puts its number into the name, as in `0000000001.v2.journal`. There is
 * no other mark.
 */
export function newerSegments(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => /^\d{10,15}\.v\d+\.journal$/.test(name));
}

export function segmentPath(directory: string, segment: number): string {
  return join(directory, `${String(segment).padStart(10, "0")}.journal`);
}

/** A segment that is being written. */
export interface OpenSegment {
  readonly segment: number;
  readonly file: FileHandle;
  bytes: number;
}

/**
 * Begins a segment and syncs the directory, so that the file's name is as safe
 * as its content will be. `hold` makes sure that this process still holds the lock
 * on the directory. O_DSYNC makes each write return after its bytes are on the disk:
 * that takes one trip through the thread pool, and `write` with `fdatasync` two.
 */
export async function beginSegment(
  directory: string,
  segment: number,
  hold: () => Promise<void>,
): Promise<OpenSegment> {
  await makeDirectory(directory);
  await hold();
  const { O_CREAT, O_EXCL, O_WRONLY, O_APPEND, O_DSYNC } = constants;
  const file = await open(segmentPath(directory, segment), O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_DSYNC, 0o600);
  try {
    await syncDirectory(directory);
  } catch (cause) {
    await file.close().catch(() => {}); // It holds nothing.
    await removeSegment(directory, segment);
    throw cause;
  }
  return { segment, file, bytes: 0 };
}

/**
 * Creates the directory and syncs its name. Its parent must exist: a data directory
 * that was removed is not created again.
 */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    return;
  }
  await syncDirectory(dirname(directory));
}

/**
 * Tests whether the disk takes writes again: writes, syncs and removes a file as
 * large as a burst of reports. Rejects with the disk's reason.
 */
export async function tryDirectory(directory: string, bytes: number, hold: () => Promise<void>): Promise<void> {
  await makeDirectory(directory);
  await hold();
  const path = join(directory, "probe");
  try {
    await writeFile(path, Buffer.alloc(bytes), { mode: 0o600, flush: true });
  } finally {
    await unlink(path).catch(() => {}); // The next test overwrites a file that stayed.
  }
}

/** Writes all of the bytes to the end of a segment. */
export function writeSegment({ file }: OpenSegment, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (offset: number): void => {
      write(file.fd, bytes, offset, bytes.byteLength - offset, null, (cause, written) => {
        if (cause) reject(named(cause));
        else if (offset + written < bytes.byteLength) writeFrom(offset + written);
        else resolve();
      });
    };
    writeFrom(0);
  });
}

/** Gives an error its name: libuv knows fewer errors than the system, and tells a used-up quota as a bare number. */
function named(cause: NodeJS.ErrnoException): Error {
  const [name] = Object.entries(osConstants.errno).find(([, number]) => number === -(cause.errno ?? 0)) ?? [];
  return name === undefined || cause.code === name
    ? cause
    : new Error(`${name}: the disk refuses the write`, { cause });
}

/** Whether the open file still has a name. A sync also succeeds in a directory that was removed. */
export function isLinked({ file }: OpenSegment): boolean {
  // Synchronous, because the system has the answer in memory: a trip through the thread pool would take longer.
  return fstatSync(file.fd).nlink > 0;
}

/**
 * Ends a segment. Cuts what a failed write left behind the last safe byte, because
 * its senders were answered 451.
 */
export async function endSegment(directory: string, { segment, file, bytes }: OpenSegment): Promise<void> {
  try {
    await file.truncate(bytes);
    if (bytes === 0) await removeSegment(directory, segment);
  } finally {
    await file.close();
  }
}

export async function removeSegment(directory: string, segment: number): Promise<void> {
  try {
    await unlink(segmentPath(directory, segment));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
}

/** Reads the bytes of a segment from `offset`, at most `length`. */
export async function readSegment(directory: string, { segment, offset }: Position, length: number): Promise<Buffer> {
  const file = await open(segmentPath(directory, segment), "r");
  try {
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await file.close();
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  const file = await open(directory, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
