/** How large the archive is, since when it reaches, and what waits to be packed. Reads every file, and changes nothing. */
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { scanBlocks } from "./blocks.ts";
import { filesIn, sizeOf, waitingIn } from "./files.ts";
import { archiveDirectory } from "./places.ts";

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
  const files = filesIn(directory);
  let [bytes, records, places, damagedBytes] = [0, 0, 0, 0];
  let [oldestMs, newestMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const unreadable: string[] = [];
  for (const file of files) {
    bytes += file.bytes;
    for (const stretch of scanBlocks(contentOf(file.path, unreadable))) {
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
  const waiting = waitingIn(directory);
  return {
    directory,
    files: files.length,
    bytes,
    days: [...new Set(files.map(({ path }) => basename(dirname(path))))],
    records,
    oldestMs: records === 0 ? null : oldestMs,
    newestMs: records === 0 ? null : newestMs,
    damaged: { places, bytes: damagedBytes },
    unreadable,
    waiting: { segments: waiting.length, bytes: sizeOf(waiting) },
  };
}

/** Nothing for a file that has left the archive meanwhile, and for one that cannot be read, which is noted. */
function contentOf(path: string, unreadable: string[]): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") unreadable.push(path);
    return Buffer.alloc(0);
  }
}
