/** What the archive has on the disk, and giving up the oldest of it. */
import { rmdirSync, rmSync, type StatsFs, statfsSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { dayIn, fileNamed, packingDirectory, packingName, packingNamed } from "./places.ts";
import { namesIn } from "./source.ts";

/** A file of the archive. */
export interface ArchiveFile {
  readonly path: string;
  readonly bytes: number;
  /** When the earliest and the latest of its records was received, in milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** A segment that waits to be packed, with its fates. */
export interface WaitingSegment {
  readonly process: number;
  readonly segment: number;
  readonly bytes: number;
  readonly changedMs: number;
}

/** The files of the archive, the oldest first. Leaves out what mm4d did not make. */
export function filesIn(archive: string): readonly ArchiveFile[] {
  return daysIn(archive).flatMap((day) => filesOfDay(join(archive, day)));
}

/** The file of this path. Undefined for what is none, or is gone. */
export function fileAt(path: string): ArchiveFile | undefined {
  const { firstMs, lastMs } = fileNamed(basename(path)) ?? {};
  const file = firstMs === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  return file && firstMs !== undefined && lastMs !== undefined
    ? { path, bytes: file.size, firstMs, lastMs }
    : undefined;
}

/** What waits to be packed, the oldest first. */
export function waitingIn(archive: string): readonly WaitingSegment[] {
  const directory = packingDirectory(archive);
  const found = new Map<string, WaitingSegment>();
  const segments = new Set<string>();
  for (const name of namesIn(directory)) {
    const { process, segment, what } = packingNamed(name) ?? {};
    const file = statSync(join(directory, name), { throwIfNoEntry: false });
    if (process === undefined || segment === undefined || !file) continue;
    const key = `${process}-${segment}`;
    if (what === "journal") segments.add(key);
    const { bytes = 0, changedMs = 0 } = found.get(key) ?? {};
    const lastMs = Math.max(changedMs, file.mtimeMs);
    found.set(key, { process, segment, bytes: bytes + file.size, changedMs: lastMs });
  }
  // Fates without their segment are those of one that is being moved.
  const whole = [...found].filter(([key]) => segments.has(key)).map(([, one]) => one);
  return whole.sort((one, other) => one.changedMs - other.changedMs || one.segment - other.segment);
}

/** What they take together, in bytes. */
export function sizeOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Removes a file, and its day when it was the last one there. What is gone already is no fault. */
export function removeFile(path: string): void {
  rmSync(path, { force: true });
  try {
    rmdirSync(dirname(path));
  } catch {
    // It has others.
  }
}

/** Removes the oldest files of the archive until so many bytes are given up, and then what waits to be packed. */
export function giveUp(archive: string, bytes: number): { readonly files: number; readonly bytes: number } {
  const gone = { files: 0, bytes: 0 };
  for (const day of daysIn(archive)) {
    for (const file of filesOfDay(join(archive, day))) {
      if (gone.bytes >= bytes) return gone;
      removeFile(file.path);
      gone.files += 1;
      gone.bytes += file.bytes;
    }
  }
  const { files, bytes: waited } = giveUpWaiting(archive, bytes - gone.bytes);
  return { files: gone.files + files, bytes: gone.bytes + waited };
}

/** Removes the oldest of what waits to be packed until so many bytes are given up. */
export function giveUpWaiting(archive: string, bytes: number): { readonly files: number; readonly bytes: number } {
  const gone = { files: 0, bytes: 0 };
  for (const one of waitingIn(archive)) {
    if (gone.bytes >= bytes) break;
    removeWaiting(archive, one);
    gone.files += 1;
    gone.bytes += one.bytes;
  }
  return gone;
}

export function removeWaiting(archive: string, { process, segment }: WaitingSegment): void {
  for (const what of ["journal", "fates"] as const)
    rmSync(join(packingDirectory(archive), packingName(process, segment, what)), { force: true });
}

/** Removes what was left half made by a kill: what a packer wrote, which only its follower calls, and what `mm4d forget` did, an hour ago. */
export function removeHalfMade(archive: string): void {
  for (const day of daysIn(archive)) {
    for (const name of namesIn(join(archive, day)))
      if (name.endsWith(".archive.new") || isOld(join(archive, day, name), ".archive.forget"))
        unlinkSync(join(archive, day, name));
  }
}

function isOld(path: string, ending: string): boolean {
  if (!path.endsWith(ending)) return false;
  const { mtimeMs = Number.POSITIVE_INFINITY } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return Date.now() - mtimeMs > HALF_MADE_MS;
}

const HALF_MADE_MS = 3_600_000;

/** How many bytes the disk has too few left, so that the archive has to give way; 0 while it has enough. */
export function bytesTooFew(directory: string): number {
  return tooFewOf(statfsSync(directory));
}

/** The same, of what the system tells of a disk. */
export function tooFewOf({ bsize, blocks, bavail }: Pick<StatsFs, "bsize" | "blocks" | "bavail">): number {
  return Math.max(0, Math.min(TIGHT_BYTES, (blocks * bsize) / TIGHT_PART) - bavail * bsize);
}

/** What the journal and an embedded Redis write in some tens of seconds at full rate. */
const TIGHT_BYTES = 256 * 1024 * 1024;
const TIGHT_PART = 20;

function daysIn(archive: string): readonly string[] {
  const days = namesIn(archive).flatMap((name) => {
    const ms = dayIn(name);
    return ms === null ? [] : [{ name, ms }];
  });
  return days.sort((one, other) => one.ms - other.ms).map(({ name }) => name);
}

function filesOfDay(directory: string): readonly ArchiveFile[] {
  const files = namesIn(directory).flatMap((name) => fileAt(join(directory, name)) ?? []);
  return files.sort((one, other) => one.firstMs - other.firstMs);
}
