/**
 * The archive as a journal sees it: takes what has settled, with what became of it. Each process has one.
 *
 *   worked off → fates beside the segment → settled → both renamed into packing/, which takes them out of the journal
 *
 * Whatever fails here, the journal goes on without the archive.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Fate } from "../delivery/fate.ts";
import { setSegmentAside } from "../journal/damaged.ts";
import type { Keeping } from "../journal/keeping.ts";
import { type Position, removeSegment, segmentPath } from "../journal/segments.ts";
import { createFateWriter } from "./fate-writer.ts";
import { becameOf, lineOfFate, lineOfMove } from "./fates.ts";
import type { ArchiveFault, OnArchiveFault } from "./fault.ts";
import { giveUp, giveUpWaiting, sizeOf, waitingIn } from "./files.ts";
import { segmentRoom, waitingRoom } from "./limits.ts";
import { isCopy, move } from "./move.ts";
import { fatesNamed, fatesPath, packingDirectory, packingName, packingNamed } from "./places.ts";
import { namesIn } from "./source.ts";

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
  /** Looks about once a second whether directories that could not be made at the start can be made now. */
  look(): void;
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

/** Begins with the directories, and with what an earlier process has left beside its segments. Never throws. */
export function createKeeper(options: KeeperOptions): Keeper {
  const { archive, journal, process, maxBytes, segmentMs = SEGMENT_MS, onFault } = options;
  const packing = packingDirectory(archive);
  const fates = createFateWriter(journal, onFault);
  /** Why nothing is taken: there is no directory for it, or the last segment could not be. */
  let failed: "no directory" | "not taken" | null = null;
  let behind = false;
  // Told now: the first segment settles minutes after this, and would be lost with what is in it.
  const cause = cannotMake(archive, packing);
  if (cause) {
    failed = "no directory";
    onFault({ kind: "take-failed", cause });
  }
  try {
    settleFates(journal, packing, process);
  } catch (cause) {
    onFault({ kind: "fates-failed", cause: cause as Error });
  }

  const waitingPath = (segment: number, what: "journal" | "fates"): string =>
    join(packing, packingName(process, segment, what));

  async function take(segment: number): Promise<void> {
    await fates.flush();
    makeDirectories(archive, packing);
    const number = numberFor(segment);
    // The segment last: who packs looks for it, and takes what stands beside it.
    await move(fatesPath(journal, segment), waitingPath(number, "fates"));
    await move(segmentPath(journal, segment), waitingPath(number, "journal"));
  }

  /** Another one may wait under its number, where the journal has begun to count anew. */
  function numberFor(segment: number): number {
    for (let number = segment; ; number += COUNTED_ANEW) {
      const waiting = waitingPath(number, "journal");
      if (!existsSync(waiting) || isCopy(waiting, segmentPath(journal, segment))) return number;
    }
  }

  /** The number may come again, and these fates are not those of that segment. */
  async function removeFates(segment: number): Promise<void> {
    await fates.remove(segment).catch(() => {});
    if (existsSync(waitingPath(segment, "journal"))) return;
    await rm(waitingPath(segment, "fates"), { force: true }).catch(() => {});
  }

  /** What waits to be packed has its own part of the limit, so that it holds also where packing does not keep up. */
  function keepWithin(): void {
    const tooMuch = sizeOf(waitingIn(archive)) - waitingRoom(maxBytes);
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

    look() {
      if (failed === "no directory" && !cannotMake(archive, packing)) failed = null;
    },

    fault: () => (failed !== null ? "take-failed" : behind ? "behind" : null),

    moved: (id, { segment, offset }) => fates.add(segment, lineOfMove(id, offset)),

    flush: fates.flush,

    async take(segment) {
      try {
        await take(segment);
        keepWithin();
        failed = null;
      } catch (cause) {
        // It must not fill the journal: reports would be refused for the archive's sake.
        await removeSegment(journal, segment);
        await removeFates(segment);
        if (failed === null) onFault({ kind: "take-failed", segment, cause: cause as Error });
        failed ??= "not taken";
      }
    },

    async setAside(segment) {
      await setSegmentAside(journal, segment);
      await fates.remove(segment).catch(() => {});
    },

    async makeRoom() {
      try {
        // Where the journal has a disk of its own, the archive has nothing to give there.
        if (statSync(journal).dev !== statSync(archive).dev) return false;
        const gone = giveUp(archive, GIVEN_UP_BYTES);
        if (gone.files > 0) onFault({ kind: "given-up", ...gone });
        return gone.files > 0;
      } catch {
        return false;
      }
    },
  };
}

function cannotMake(archive: string, packing: string): Error | null {
  try {
    makeDirectories(archive, packing);
    accessSync(packing, constants.W_OK);
    return null;
  } catch (cause) {
    return cause as Error;
  }
}

/** Others than the service have no business there: messages and numbers are in it. */
function makeDirectories(...directories: readonly string[]): void {
  for (const directory of directories) mkdirSync(directory, { recursive: true, mode: 0o700 });
}

/** Removes the fates of all segments of a journal, where there is no archive any more. Never throws. */
export function removeAllFates(journal: string): void {
  try {
    for (const name of readdirSync(journal)) {
      if (fatesNamed(name) !== null) rmSync(join(journal, name), { force: true });
    }
  } catch {
    // There is no journal, or it cannot be used: whoever opens it says so.
  }
}

/** A kill may have come between the two renames, or left fates of a segment that is not there any more. */
function settleFates(journal: string, packing: string, process: number): void {
  for (const name of namesIn(packing)) {
    const one = packingNamed(name);
    if (one?.process !== process || one.what !== "fates") continue;
    if (existsSync(join(packing, packingName(process, one.segment, "journal")))) continue;
    if (!existsSync(segmentPath(journal, one.segment))) rmSync(join(packing, name), { force: true });
    else if (!existsSync(fatesPath(journal, one.segment)))
      renameSync(join(packing, name), fatesPath(journal, one.segment));
  }
  for (const name of namesIn(journal)) {
    const segment = fatesNamed(name);
    if (segment !== null && !existsSync(segmentPath(journal, segment))) rmSync(join(journal, name), { force: true });
  }
}
