/**
 * Shows a person what a journal's directory holds. Changes nothing there, so it
 * is safe beside a running service and on a damaged journal.
 *
 *   segments → stretches → records and damaged places, each with how far it has come
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type Cursor, loadCursor } from "./cursor.ts";
import { IN_HAND } from "./in-hand.ts";
import { decodeRecord, type JournalRecord, scanRecords } from "./record.ts";
import { isBefore, listSegments, newerSegments, type Position, readSegment, segmentPath } from "./segments.ts";

/** How far a record has come. */
export type RecordState =
  /** It is not on the queue yet. */
  | "waiting"
  /** It is on the queue, and stays here until Redis has been reachable for the grace period. */
  | "on-queue"
  /** It is safe on the queue, and leaves the disk with its segment. */
  | "settled";

/** A record, or bytes that should be one. */
export type Found = Position & { readonly bytes: number; readonly state: RecordState } & (
    | { readonly kind: "record"; readonly record: JournalRecord }
    /** Bytes up to a line feed whose checksum does not fit. */
    | { readonly kind: "damaged" }
    /** The checksum fits, but this version knows no such record: a newer mm4d wrote it. */
    | { readonly kind: "unknown" }
    /** Bytes at the end of a segment, without a line feed. In the newest segment they may still be being written. */
    | { readonly kind: "torn"; readonly newest: boolean }
    /** A whole segment that cannot be read from the disk. */
    | { readonly kind: "unreadable"; readonly reason: string }
  );

export interface Inspection {
  readonly segments: readonly { readonly segment: number; readonly bytes: number }[];
  readonly cursor: Cursor | undefined;
  /** The cursor file exists but cannot be read. */
  readonly cursorDamaged: boolean;
  /** What recovery copied to `damaged/`. */
  readonly setAside: { readonly files: number; readonly bytes: number };
  /** Names of segments that only a newer mm4d can read. */
  readonly newer: readonly string[];
  /** Names in the directory that mm4d did not make. */
  readonly foreign: readonly string[];
  /**
   * Everything in the segments, in order, with one segment at a time in memory. Leaves out a segment that was removed
   * meanwhile.
   * With `maxBytes` only as many of the newest segments as fit into it, but always the newest one.
   */
  found(maxBytes?: number): AsyncGenerator<Found>;
}

/** Lists what is there now; `found` reads it. Throws when the directory cannot be listed. */
export function inspectJournal(directory: string): Inspection {
  const names = readdirSync(directory);
  const segments = listSegments(directory);
  const listed = new Set(segments.map(({ segment }) => basename(segmentPath(directory, segment))));
  const newer = newerSegments(directory);
  const cursor = loadCursor(directory);

  function stateOf(position: Position): RecordState {
    if (!cursor || !isBefore(position, cursor.drained)) return "waiting";
    return isBefore(position, cursor.settled) ? "settled" : "on-queue";
  }

  return {
    segments,
    cursor,
    cursorDamaged: cursor === undefined && names.includes("cursor"),
    setAside: measure(join(directory, "damaged")),
    newer,
    // A directory with the name of a segment, for example, is foreign too.
    foreign: names.filter(
      (name) => !OURS.includes(name) && !FATES.test(name) && !listed.has(name) && !newer.includes(name),
    ),

    async *found(maxBytes = Number.POSITIVE_INFINITY) {
      for (const { segment, bytes } of newestOf(segments, maxBytes)) {
        const content = await readSegment(directory, { segment, offset: 0 }, bytes).catch((cause: Error) => cause);
        if (content instanceof Error) {
          if (isMissing(content)) continue;
          // The last record is the least advanced one.
          const state = stateOf({ segment, offset: bytes - 1 });
          yield { kind: "unreadable", segment, offset: 0, bytes, state, reason: content.message };
          continue;
        }
        for (const stretch of scanRecords(content)) {
          if (stretch.kind === "padding") continue;
          const at = { segment, offset: stretch.start };
          const place = { ...at, bytes: stretch.end - stretch.start, state: stateOf(at) };
          if (stretch.kind === "damaged") yield { ...place, kind: "damaged" };
          else if (stretch.kind === "torn") {
            yield { ...place, kind: "torn", newest: segment === segments.at(-1)?.segment };
          } else {
            const record = decodeRecord(stretch.json);
            yield record ? { ...place, kind: "record", record } : { ...place, kind: "unknown" };
          }
        }
      }
    },
  };
}

function newestOf(segments: Inspection["segments"], maxBytes: number): Inspection["segments"] {
  let left = maxBytes;
  const from = segments.findLastIndex(({ bytes }) => {
    left -= bytes;
    return left < 0;
  });
  return segments.slice(Math.min(from + 1, segments.length - 1));
}

/** What the archive keeps beside a segment until it has settled. */
const FATES = /^\d{10,15}\.fates$/;
const OURS: readonly string[] = ["cursor", "cursor.new", IN_HAND, "probe", "damaged"];

function measure(directory: string): Inspection["setAside"] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const sizes = names.map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0);
  return { files: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function isMissing(cause: NodeJS.ErrnoException): boolean {
  return cause.code === "ENOENT";
}
