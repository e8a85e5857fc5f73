/**
 * Looks once through what an earlier process left in the journal, before the journal opens.
 *
 *   each segment → its records counted, damage set aside, a torn end cut
 */
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { hasCursor, loadCursor } from "./cursor.ts";
import { reportDamage, setAside } from "./damaged.ts";
import type { OnFault } from "./fault.ts";
import { decodeRecord, type JournalRecord, peerOf, scanRecords } from "./record.ts";
import { isBefore, listSegments, newerSegments, type Position, readSegment, segmentPath } from "./segments.ts";
import type { Shares } from "./shares.ts";

export interface RecoverOptions {
  readonly directory: string;
  readonly shares: Shares;
  readonly onFault: OnFault;
  /** Called with the id of each record that has not settled. */
  readonly onFound: (id: string) => void;
  /** Called with each record that is not on the queue yet. */
  readonly onRecovered?: ((record: JournalRecord) => void) | undefined;
}

export interface Recovered {
  readonly sizes: ReadonlyMap<number, number>;
  readonly cursor: { drained: Position; settled: Position; redis: string | null };
  /** How many records wait, and their bytes. */
  readonly records: number;
  readonly bytes: number;
}

/** Reads every segment once: cuts a torn end, sets damaged bytes aside, counts what waits and whose it is. */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { directory, shares, onFault, onFound, onRecovered } = options;
  const [newer] = newerSegments(directory);
  if (newer !== undefined) throw writtenByNewer(join(directory, newer));
  const listed = listSegments(directory);
  const first = { segment: listed[0]?.segment ?? 0, offset: 0 };
  const saved = loadCursor(directory);
  if (!saved && hasCursor(directory)) onFault({ kind: "cursor-unreadable" });
  const cursor = saved ?? { drained: first, settled: first, redis: null };
  const sizes = new Map<number, number>();
  let records = 0;
  let waitingBytes = 0;

  for (const { segment, bytes: length } of listed) {
    const bytes = await readSegment(directory, { segment, offset: 0 }, length).catch((cause: Error) => {
      // Going on without the segment would count its records as drained. Only a person may decide to leave them behind.
      throw new Error(
        `Cannot read the journal: ${cause.message}, ${segmentPath(directory, segment)}; mend that, or move the file away to start without its records`,
      );
    });
    let size = bytes.byteLength;
    for (const stretch of scanRecords(bytes)) {
      const start = { segment, offset: stretch.start };
      if (stretch.kind === "record") {
        // No version needs a settled record any more.
        if (isBefore(start, cursor.settled)) continue;
        const record = decodeRecord(stretch.json);
        if (!record) throw writtenByNewer(segmentPath(directory, segment), stretch.start);
        onFound(record.id);
        const length = stretch.end - stretch.start;
        shares.promised(peerOf(record), length);
        shares.arrived(segment, peerOf(record), length);
        if (isBefore(start, cursor.drained)) continue;
        onRecovered?.(record);
        records += 1;
        waitingBytes += length;
      } else if (stretch.kind === "damaged") {
        await reportDamage(directory, start, bytes.subarray(stretch.start, stretch.end), onFault);
      } else if (stretch.kind === "torn") {
        size = stretch.start;
        onFault({ kind: "torn", segment, offset: stretch.start, bytes: stretch.end - stretch.start });
        try {
          // The bytes are kept before they are cut: no sender was promised them, but a person may want to see them.
          await setAside(directory, start, bytes.subarray(stretch.start, stretch.end));
          truncateSync(segmentPath(directory, segment), stretch.start);
        } catch {
          // The disk may be full. The bytes can stay until the next start, because nothing is ever written behind them.
        }
      }
    }
    sizes.set(segment, size);
  }
  return { sizes, cursor: boundedBy(cursor, first), records, bytes: waitingBytes };
}

/** No such record may be left behind or misread, because its sender was answered 250. */
function writtenByNewer(path: string, offset?: number): Error {
  const where = offset === undefined ? path : `${path}, byte ${offset}`;
  return new Error(
    `Cannot read the journal: ${where} was written by a newer mm4d, must be of a version that this one knows; start the newer one again, and keep reports from it until its journal is empty (mm4d journal status)`,
  );
}

/** A cursor that points before the first segment means its beginning. */
function boundedBy(cursor: Recovered["cursor"], first: Position): Recovered["cursor"] {
  const bounded = (position: Position) => (isBefore(position, first) ? first : position);
  return { ...cursor, drained: bounded(cursor.drained), settled: bounded(cursor.settled) };
}
