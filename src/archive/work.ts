/**
 * What is done with the archive whenever there is something to do, in a thread of its own: what waits is packed, and
 * what is too old or too much is removed, oldest first, whole files.
 */
import { existsSync } from "node:fs";
import { isFullDisk } from "../journal/fault.ts";
import type { ArchiveFault } from "./fault.ts";
import {
  type ArchiveFile,
  bytesTooFew,
  fileAt,
  filesIn,
  giveUp,
  removeFile,
  removeHalfMade,
  removeWaiting,
  sizeOf,
  type WaitingSegment,
  waitingIn,
} from "./files.ts";
import { roomOfFiles, waitingRoom } from "./limits.ts";
import { packSegment } from "./pack.ts";
import { NO_REST, type Rest } from "./rest.ts";

export interface Work {
  /** The archive's directory. */
  readonly archive: string;
  /** The directory of each process's journal, by its number. What others have left is packed later. */
  readonly journals: Readonly<Record<number, string>>;
  /** How long records are kept; 0 for not at all. */
  readonly hours: number;
  readonly maxBytes: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** How the archive is afterwards. */
export interface Worked {
  readonly bytes: number;
  /** When its earliest record was received, in milliseconds since 1970; null when it has none. */
  readonly oldestMs: number | null;
  /** When its next file is to be removed, in milliseconds since 1970; null when it has none. */
  readonly dueMs: number | null;
  readonly faults: readonly ArchiveFault[];
}

const HOUR_MS = 3_600_000;
/** Of what may wait to be packed. */
const NEARLY_FULL = 0.75;
const LOOKS_EVERY_MS = 100;

/** Rejects when the directory cannot be read. `rest`: called between any two steps, while there is time for that. */
export async function workOff(
  { archive, journals, hours, maxBytes, nowMs }: Work,
  rest: Rest = NO_REST,
): Promise<Worked> {
  const faults: ArchiveFault[] = [];
  const keptMs = hours * HOUR_MS;
  let files = filesIn(archive);
  let behind = false;
  let lookedMs = Number.NEGATIVE_INFINITY;

  /** Removes the oldest files while there is a reason to. */
  function removeWhile(isToGo: (file: ArchiveFile) => boolean): void {
    const last = files.findIndex((file) => !isToGo(file));
    const gone = last === -1 ? files : files.slice(0, last);
    for (const { path } of gone) removeFile(path);
    files = files.slice(gone.length);
  }

  function keepWithin(): void {
    // Not all of a day are in the order in which they end.
    for (const file of files.filter(({ lastMs }) => lastMs < nowMs - keptMs || hours === 0)) removeFile(file.path);
    files = files.filter(({ lastMs }) => lastMs >= nowMs - keptMs && hours > 0);
    let tooMuch = sizeOf(files) - roomOfFiles(maxBytes);
    removeWhile(({ bytes }) => {
      const goes = tooMuch > 0;
      tooMuch -= bytes;
      return goes;
    });
  }

  /** Reports and Redis need what is left of the disk more than the archive does. */
  function giveWay(bytes: number): boolean {
    const gone = giveUp(archive, bytes);
    if (gone.files === 0) return false;
    faults.push({ kind: "given-up", ...gone });
    files = filesIn(archive);
    return true;
  }

  /** What would be given up is packed at any price. It is looked at seldom, because that costs as much as a step. */
  function isBehind(): boolean {
    if (performance.now() - lookedMs > LOOKS_EVERY_MS) {
      behind = sizeOf(waitingIn(archive)) > waitingRoom(maxBytes) * NEARLY_FULL;
      lookedMs = performance.now();
    }
    return behind;
  }

  /** False when it has to wait. */
  async function pack({ process, segment, bytes }: WaitingSegment, journal: string): Promise<boolean> {
    for (;;) {
      try {
        const { path, faults: found } = await packSegment({
          archive,
          process,
          segment,
          journal,
          rest: () => (isBehind() ? undefined : rest()),
        });
        faults.push(...found);
        const added = path === null ? undefined : fileAt(path);
        // One of that name was there when a kill came before the segment was removed.
        if (added) files = [...files.filter((file) => file.path !== path), added].sort(byAge);
        return true;
      } catch (cause) {
        if (isFullDisk(cause as Error) && giveWay(bytes)) continue;
        faults.push({ kind: "pack-failed", cause: cause as Error });
        return false;
      }
    }
  }

  if (existsSync(archive)) {
    removeHalfMade(archive);
    keepWithin();
    const tooFew = bytesTooFew(archive);
    if (tooFew > 0) giveWay(tooFew);
    for (let next = first(); next !== undefined; next = first()) {
      if (hours === 0 || next.changedMs < nowMs - keptMs) removeWaiting(archive, next);
      else if (!(await pack(next, journals[next.process] ?? ""))) break;
      keepWithin();
    }
  }

  function first(): WaitingSegment | undefined {
    return waitingIn(archive).find(({ process }) => journals[process] !== undefined);
  }

  const waiting = waitingIn(archive);
  const ends = files.map(({ lastMs }) => lastMs);
  return {
    bytes: sizeOf(files) + sizeOf(waiting),
    oldestMs: files[0]?.firstMs ?? waiting[0]?.changedMs ?? null,
    dueMs: ends.length === 0 ? null : ends.reduce((one, other) => Math.min(one, other)) + keptMs,
    faults,
  };
}

function byAge(one: ArchiveFile, other: ArchiveFile): number {
  return one.firstMs - other.firstMs;
}
