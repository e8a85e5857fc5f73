/**
 * The archive as a journal sees it: takes what has settled, with what became of it. Each process has one.
 *
 *   worked off → fates beside the segment → settled → both renamed into packing/, which takes them out of the journal
 *
 * Whatever fails here, the journal goes on without the archive.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { copyFile, mkdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Fate } from "../delivery/fate.ts";
import { setSegmentAside } from "../journal/damaged.ts";
import type { Keeping } from "../journal/keeping.ts";
import { type Position, removeSegment, segmentPath } from "../journal/segments.ts";
import { createFateWriter } from "./fate-writer.ts";
import { becameOf, lineOfFate, lineOfMove } from "./fates.ts";
import type { ArchiveFault, OnArchiveFault } from "./fault.ts";
import { giveUp, giveUpWaiting, waitingIn } from "./files.ts";
import { segmentRoom, waitingRoom } from "./limits.ts";
import { fatesNamed, fatesPath, packingDirectory, packingName, packingNamed } from "./places.ts";

/** A record that was worked off. */
export interface Worked {
  readonly fate: Fate;
  /** Where it stands; undefined where that is not known. */
  readonly start: Position | undefined;
  /** Whether an acknowledgement was owed, and queued. */
  readonly acknowledged: boolean;
}

export interface Keeper extends Keeping {
  /** Remembers what became of records, to be written beside their segments. */
  became(worked: readonly Worked[]): void;
  /** What goes wrong now; null for nothing. */
  fault(): ArchiveFault["kind"] | null;
}

export interface KeeperOptions {
  /** The archive of the data directory. */
  readonly archive: string;
  /** Of the journal that it is a part of. */
  readonly journal: string;
  /** Number of this process. */
  readonly process: number;
  /** What the archive may take, of all processes, in bytes. */
  readonly maxBytes: number;
  /** A segment is ended after so long, in milliseconds, so that what it holds is archived soon. */
  readonly segmentMs?: number;
  readonly onFault: OnArchiveFault;
}

const SEGMENT_MS = 60_000;

/** Higher than segments are numbered otherwise, so that what came later is the later one. */
const COUNTED_ANEW = 10_000_000_000;

/** What is given up at once when the disk has no room: less would be full again with the next write. */
const GIVEN_UP_BYTES = 16 * 1024 * 1024;

/** Begins with what an earlier process has left beside its segments. Never throws. */
export function createKeeper(options: KeeperOptions): Keeper {
  const { archive, journal, process, maxBytes, segmentMs = SEGMENT_MS, onFault } = options;
  const packing = packingDirectory(archive);
  const fates = createFateWriter(journal, onFault);
  let failed = false;
  let behind = false;
  try {
    settleFates(journal, packing, process);
  } catch (cause) {
    onFault({ kind: "fates-failed", cause: cause as Error });
  }

  async function take(segment: number): Promise<void> {
    await fates.flush();
    await mkdir(archive, { recursive: true, mode: 0o700 });
    await mkdir(packing, { recursive: true, mode: 0o700 });
    const number = numberFor(segment);
    const to = (what: "journal" | "fates"): string => join(packing, packingName(process, number, what));
    // The segment last: who packs looks for it, and takes what stands beside it.
    await move(fatesPath(journal, segment), to("fates"));
    await move(segmentPath(journal, segment), to("journal"));
  }

  /** Another one may wait under its number, where the journal has begun to count anew. */
  function numberFor(segment: number): number {
    for (let number = segment; ; number += COUNTED_ANEW) {
      const waiting = join(packing, packingName(process, number, "journal"));
      if (!existsSync(waiting) || isCopy(waiting, segmentPath(journal, segment))) return number;
    }
  }

  /** What waits to be packed has its own part of the limit, so that it holds also where packing does not keep up. */
  function keepWithin(): void {
    const waited = waitingIn(archive).reduce((sum, { bytes }) => sum + bytes, 0);
    const tooMuch = waited - waitingRoom(maxBytes);
    if (tooMuch > 0) {
      const gone = giveUpWaiting(archive, tooMuch);
      if (!behind) onFault({ kind: "behind", ...gone });
    }
    behind = tooMuch > 0;
  }

  return {
    segments: { bytes: segmentRoom(maxBytes), ms: segmentMs },

    became(worked) {
      const at = new Date().toISOString();
      let [segment, lines] = [0, ""];
      for (const { fate, start, acknowledged } of worked) {
        if (start === undefined) continue;
        if (start.segment !== segment && lines !== "") {
          fates.add(segment, lines);
          lines = "";
        }
        segment = start.segment;
        lines += lineOfFate(fate.id, becameOf(fate, at, acknowledged));
      }
      if (lines !== "") fates.add(segment, lines);
    },

    fault: () => (failed ? "take-failed" : behind ? "behind" : null),

    moved: (id, { segment, offset }) => fates.add(segment, lineOfMove(id, offset)),

    flush: fates.flush,

    async take(segment) {
      try {
        await take(segment);
        keepWithin();
        failed = false;
      } catch (cause) {
        // It must not fill the journal: reports would be refused for the archive's sake.
        await removeSegment(journal, segment);
        await fates.remove(segment).catch(() => {});
        if (!failed) onFault({ kind: "take-failed", segment, cause: cause as Error });
        failed = true;
      }
    },

    async setAside(segment) {
      await setSegmentAside(journal, segment);
      await fates.remove(segment).catch(() => {});
    },

    async makeRoom() {
      try {
        const gone = giveUp(archive, GIVEN_UP_BYTES);
        if (gone.files > 0) onFault({ kind: "given-up", ...gone });
        return gone.files > 0;
      } catch {
        return false;
      }
    },
  };
}

/** Removes what an earlier process has written beside the segments of a journal, which are not archived any more. Never throws. */
export function removeFates(journal: string): void {
  try {
    for (const name of readdirSync(journal))
      if (fatesNamed(name) !== null) rmSync(join(journal, name), { force: true });
  } catch {
    // There is no journal yet, or the disk is read-only, which the journal tells.
  }
}

/** What is gone already is no fault: somebody has removed it, and the journal tells of that where it matters. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" && !existsSync(from)) return;
    if (code !== "EXDEV") throw cause;
    // The journal has a disk of its own.
    await copyFile(from, `${to}.new`);
    await rename(`${to}.new`, to);
    await unlink(from);
  }
}

/** A kill may have come before the segment was removed that is copied to another disk. */
function isCopy(waiting: string, segment: string): boolean {
  return existsSync(segment) && readFileSync(waiting).equals(readFileSync(segment));
}

/** A kill may have come between the two renames, or left fates of a segment that is not there any more. */
function settleFates(journal: string, packing: string, process: number): void {
  if (existsSync(packing)) {
    for (const name of readdirSync(packing)) {
      const one = packingNamed(name);
      if (one?.process !== process || one.what !== "fates") continue;
      if (existsSync(join(packing, packingName(process, one.segment, "journal")))) continue;
      if (!existsSync(segmentPath(journal, one.segment))) rmSync(join(packing, name), { force: true });
      else if (!existsSync(fatesPath(journal, one.segment)))
        renameSync(join(packing, name), fatesPath(journal, one.segment));
    }
  }
  if (!existsSync(journal)) return;
  for (const name of readdirSync(journal)) {
    const segment = fatesNamed(name);
    if (segment !== null && !existsSync(segmentPath(journal, segment))) rmSync(join(journal, name), { force: true });
  }
}
