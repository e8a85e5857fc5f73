/** Removes records from the archive: writes a file anew without them. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { JournalRecord } from "../journal/record.ts";
import { packAgain, readLine, scanBlocks, unpackBlock } from "./blocks.ts";
import { filesIn, removeFile, waitingIn } from "./files.ts";

export interface Forgotten {
  /** How many records are gone, or would be. */
  readonly records: number;
  /** Segments that are being packed: what they hold is found when that is done. */
  readonly waiting: number;
  /** Bytes that cannot be read, so that it cannot be told whom they name. */
  readonly damaged: number;
}

/** Asked of a record and its whole line, which says what became of it too. Undefined stands for a record of a later version. */
export type Concerns = (record: JournalRecord | undefined, text: string) => Promise<boolean>;

/**
 * Removes each record that `concerns` picks. Services may write meanwhile: they add files, and remove whole ones. Each
 * file is there all the time, with these records or without them. What waits to be packed is counted first: so what is
 * packed meanwhile is counted or looked into, and never neither.
 */
export async function forgetInArchive(archive: string, concerns: Concerns, dryRun: boolean): Promise<Forgotten> {
  const found = { records: 0, waiting: 0, damaged: 0 };
  if (!existsSync(archive)) return found;
  const waiting = waitingIn(archive).length;
  for (const { path } of filesIn(archive)) {
    const { kept, records, damaged } = await without(contentOf(path), concerns);
    found.records += records;
    found.damaged += damaged;
    if (records === 0 || dryRun) continue;
    if (kept.length === 0) removeFile(path);
    else rewrite(path, kept);
  }
  return { ...found, waiting };
}

interface Without {
  /** The file's stretches that stay, as they are to be written. */
  readonly kept: readonly Buffer[];
  readonly records: number;
  readonly damaged: number;
}

async function without(bytes: Buffer, concerns: Concerns): Promise<Without> {
  const kept: Buffer[] = [];
  let [records, damaged] = [0, 0];
  for (const stretch of scanBlocks(bytes)) {
    const { start, end } = stretch;
    if (stretch.kind === "damaged") {
      damaged += end - start;
      kept.push(bytes.subarray(start, end));
      continue;
    }
    const lines = unpackBlock(stretch.packed);
    const left: Buffer[] = [];
    for (const line of lines) {
      if (!(await concerns(readLine(line)?.record, line.toString()))) left.push(line);
    }
    records += lines.length - left.length;
    if (left.length === lines.length) kept.push(bytes.subarray(start, end));
    // Its head still says when the earliest and the latest of all were received: those that stay are between.
    else if (left.length > 0) kept.push(packAgain(left, stretch.head));
  }
  return { kept, records, damaged };
}

/** Nothing of a file that was removed meanwhile. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return Buffer.of();
    throw cause;
  }
}

function rewrite(path: string, stretches: readonly Buffer[]): void {
  const made = `${path}.forget`;
  const file = openSync(made, "w", 0o600);
  try {
    for (const bytes of stretches) for (let at = 0; at < bytes.byteLength; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } catch (cause) {
    // A disk that is full needs the room.
    removeFile(made);
    throw cause;
  } finally {
    closeSync(file);
  }
  // What has expired meanwhile does not come back.
  if (!existsSync(path)) {
    removeFile(made);
    return;
  }
  renameSync(made, path);
  const day = openSync(dirname(path), "r");
  try {
    fsyncSync(day);
  } finally {
    closeSync(day);
  }
}
