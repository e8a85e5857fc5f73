/**
 * The segment files of the journal: `0000000001.journal`, `0000000002.journal`, …
 * Named by sequence and not by time, so that a clock that steps changes nothing.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A place in the journal: everything before it, in this segment and in earlier ones. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

export function isBefore(a: Position, b: Position): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}

/** The segments in a directory, by number. Files that are none of ours are not listed. */
export function listSegments(directory: string): readonly { readonly segment: number; readonly bytes: number }[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const digits = /^(\d{10})\.journal$/.exec(name)?.[1];
      return digits === undefined ? [] : [Number(digits)];
    })
    .sort((a, b) => a - b)
    .map((segment) => ({ segment, bytes: statSync(segmentPath(directory, segment)).size }));
}

export function segmentPath(directory: string, segment: number): string {
  return join(directory, `${String(segment).padStart(10, "0")}.journal`);
}

/** A segment that is being written. */
export interface OpenSegment {
  readonly segment: number;
  readonly descriptor: number;
  bytes: number;
}

/**
 * Begins a segment and syncs the directory, so that the file's name is as safe
 * as its content will be. Writes to it return after the bytes are on the disk:
 * one trip through the thread pool, where `write` and `fdatasync` are two.
 */
export function beginSegment(directory: string, segment: number): OpenSegment {
  makeDirectory(directory);
  const { O_CREAT, O_EXCL, O_WRONLY, O_APPEND, O_DSYNC } = constants;
  const descriptor = openSync(segmentPath(directory, segment), O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_DSYNC, 0o600);
  try {
    syncDirectory(directory);
  } catch (cause) {
    closeSync(descriptor);
    removeSegment(directory, segment);
    throw cause;
  }
  return { segment, descriptor, bytes: 0 };
}

/** Creates the directory where its parent is there: a data directory that was taken away is not made anew. */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
  }
}

/** Whether the open file still has a name. A removed directory syncs happily. */
export function isLinked({ descriptor }: OpenSegment): boolean {
  return fstatSync(descriptor).nlink > 0;
}

export function removeSegment(directory: string, segment: number): void {
  try {
    unlinkSync(segmentPath(directory, segment));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
}

/** Bytes of a segment from `offset`, at most `length`. */
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

/** Keeps bytes that are no record, for a person. False when they were set aside before. */
export async function setAside(directory: string, { segment, offset }: Position, bytes: Buffer): Promise<boolean> {
  const damaged = join(directory, "damaged");
  await mkdir(damaged, { recursive: true, mode: 0o700 });
  try {
    await writeFile(join(damaged, `${segment}-${offset}.bin`), bytes, { flag: "wx", mode: 0o600, flush: true });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
