/**
 * A look into a journal's directory, for a person. Changes nothing there, so it
 * may be taken beside a running service, and of a journal that is damaged.
 *
 *   segments → stretches → records and damaged places, each with how far it has come
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type Cursor, loadCursor } from "./cursor.ts";
import { decodeRecord, type JournalRecord, scanRecords } from "./record.ts";
import { isBefore, listSegments, newerSegments, type Position, readSegment, segmentPath } from "./segments.ts";

/** How far a record has come. */
export type RecordState =
  /** It is not on the queue yet. */
  | "waiting"
  /** It is on the queue, and kept here until Redis has proved itself. */
  | "on-queue"
  /** It is safe on the queue, and leaves the disk with its segment. */
  | "settled";

/** A record, or bytes that should be one. */
export type Found = Position & { readonly bytes: number; readonly state: RecordState } & (
    | { readonly kind: "record"; readonly record: JournalRecord }
    /** Bytes up to a line feed whose checksum does not fit. */
    | { readonly kind: "damaged" }
    /** The checksum fits, and yet it is no record that we know: a newer mm4d's. */
    | { readonly kind: "unknown" }
    /** Bytes at the end of a segment, without a line feed. Of the newest segment: perhaps just being written. */
    | { readonly kind: "torn"; readonly newest: boolean }
    /** A whole segment that the disk does not give. */
    | { readonly kind: "unreadable"; readonly reason: string }
  );

export interface Inspection {
  readonly segments: readonly { readonly segment: number; readonly bytes: number }[];
  readonly cursor: Cursor | undefined;
  /** There is a cursor, and it cannot be read. */
  readonly cursorDamaged: boolean;
  /** What recovery has copied to `damaged/`. */
  readonly setAside: { readonly files: number; readonly bytes: number };
  /** Names of segments that only a newer mm4d can read. */
  readonly newer: readonly string[];
  /** Names in the directory that are none of ours. */
  readonly foreign: readonly string[];
  /**
   * Everything in the segments, in order, one segment at a time in memory. A segment that was removed meanwhile is left out.
   * With `maxBytes` only the newest segments that have so much together, and the newest always.
   */
  found(maxBytes?: number): AsyncGenerator<Found>;
}

/** Notes what is there now; `found` reads it. Throws when the directory cannot be listed. */
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
    // A directory, say, with the name of a segment is none of ours either.
    foreign: names.filter((name) => !OURS.test(name) && !listed.has(name) && !newer.includes(name)),

    async *found(maxBytes = Number.POSITIVE_INFINITY) {
      for (const { segment, bytes } of newestOf(segments, maxBytes)) {
        const content = await readSegment(directory, { segment, offset: 0 }, bytes).catch((cause: Error) => cause);
        if (content instanceof Error) {
          if (isMissing(content)) continue;
          // Its last record says how far the least of it has come.
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

const OURS = /^(cursor|cursor\.new|probe|damaged)$/;
function measure(directory: string): Inspection["setAside"] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const sizes = names.map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0);
  return { files: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function isMissing(cause: NodeJS.ErrnoException): boolean {
  return cause.code === "ENOENT";
}
