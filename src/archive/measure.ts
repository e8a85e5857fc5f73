/** How large the archive is, since when it reaches, and what waits to be packed. Reads every file, and changes nothing. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { scanBlocks } from "./blocks.ts";
import { archiveDirectory, dayIn, fileNamed, packingDirectory, packingNamed } from "./places.ts";

/** What an archive's directory holds. Times are in milliseconds since 1970. */
export interface ArchiveMeasure {
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
  /** Names of the days' directories that hold a file, such as `2026-11-30`, the oldest first. */
  readonly days: readonly string[];
  /** Of records that can be read, by what the blocks say of themselves. */
  readonly records: number;
  /** When the earliest and the latest record was received; null without any. */
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  /** Stretches that are no blocks, with all their bytes. */
  readonly damaged: { readonly places: number; readonly bytes: number };
  /** Files that cannot be read at all. */
  readonly unreadable: readonly string[];
  /** Segments that have left their journal, and are not packed yet. */
  readonly waiting: { readonly segments: number; readonly bytes: number };
}

/** Throws when the directory is there and cannot be listed. */
export async function measureArchive(dataDir: string): Promise<ArchiveMeasure> {
  const directory = archiveDirectory(dataDir);
  let [files, bytes, records, places, damagedBytes] = [0, 0, 0, 0, 0];
  let [oldestMs, newestMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const unreadable: string[] = [];
  const days: string[] = [];
  for (const day of namesIn(directory).filter((name) => dayIn(name) !== null)) {
    const names = namesIn(join(directory, day)).filter((name) => fileNamed(name) !== null);
    if (names.length > 0) days.push(day);
    for (const name of names) {
      const path = join(directory, day, name);
      const content = contentOf(path);
      if (content === undefined) continue; // It has left the archive meanwhile.
      files += 1;
      if (content === null) {
        unreadable.push(path);
        continue;
      }
      bytes += content.byteLength;
      for (const stretch of scanBlocks(content)) {
        if (stretch.kind === "damaged") {
          places += 1;
          damagedBytes += stretch.end - stretch.start;
          continue;
        }
        records += stretch.head.count;
        oldestMs = Math.min(oldestMs, stretch.head.firstMs);
        newestMs = Math.max(newestMs, stretch.head.lastMs);
      }
      await nextTurn();
    }
  }
  return {
    directory,
    files,
    bytes,
    days: days.sort(),
    records,
    oldestMs: records === 0 ? null : oldestMs,
    newestMs: records === 0 ? null : newestMs,
    damaged: { places, bytes: damagedBytes },
    unreadable,
    waiting: waitingIn(packingDirectory(directory)),
  };
}

function waitingIn(packing: string): ArchiveMeasure["waiting"] {
  const segments = namesIn(packing).filter((name) => packingNamed(name)?.what === "journal");
  const sizes = segments.map((name) => statSync(join(packing, name), { throwIfNoEntry: false })?.size ?? 0);
  return { segments: segments.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Null for what cannot be read, undefined for what is not there. */
function contentOf(path: string): Buffer | null | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "ENOENT" ? undefined : null;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}
