/**
 * Puts a page together out of rows that are found block by block, the newest block first. Blocks are in the order in
 * which they were written, reports in that in which they were received: what an older block holds may be newer, where
 * several processes write, or where a report waited. So some more blocks are looked into than fill a page.
 */
import type { BlockPlace } from "../trace/places.ts";
import { BLOCKS_AGAIN, inOrder, type ListPlace, type PlacedRow, writePlace } from "./list-place.ts";
import type { ReportsPage } from "./views.ts";

/** How many rows a page has, at most. */
export const ROWS_OF_PAGE = 50;
/**
 * So many at most. A report that waited for longer than it took to write them, as in an outage, stands among those that
 * were written with it.
 */
const BLOCKS_AHEAD = 10;
/** A process writes its block each second, and clocks differ. */
const WRITTEN_WITHIN_MS = 2_000;

export interface PageOfRows {
  /**
   * What a further block has, also what was on a page before. `firstWritten`: when its first entry was written; null
   * where that is not known.
   */
  add(block: BlockPlace, rows: readonly PlacedRow[], firstWritten: string | null): void;
  /** Whether no further block can have a row that belongs on this page, but for one that has waited for long. */
  isSure(): boolean;
  /** `next`: the block that was not looked into; null where there is none. */
  end(next: BlockPlace | null): Pick<ReportsPage, "rows" | "older">;
}

interface FoundRow extends PlacedRow {
  /** Its block, counted from the first that was looked into for the page. */
  readonly index: number;
}

/** `shownBefore`: how many rows of each of the first blocks were on pages before. */
export function createPageOfRows(shownBefore: readonly number[]): PageOfRows {
  const found: FoundRow[] = [];
  const blocks: BlockPlace[] = [];
  /** How many blocks it took to fill the page. */
  let fullWith = Number.POSITIVE_INFINITY;
  let firstWritten: string | null = null;

  /** Where the list goes on: at the newest block of what is left, or else at the next one. */
  function placeBehind(
    shown: readonly FoundRow[],
    left: readonly FoundRow[],
    next: BlockPlace | null,
  ): ListPlace | null {
    const first = Math.min(...left.map(({ index }) => index));
    const from = blocks[first];
    if (from === undefined) return next === null ? null : { from: next, shown: [] };
    const counts = blocks.map((_, at) => (shownBefore[at] ?? 0) + shown.filter(({ index }) => index === at).length);
    return { from, shown: counts.slice(first) };
  }

  return {
    add(block, rows, written) {
      const index = blocks.length;
      const left = [...rows].sort(inOrder).slice(shownBefore[index] ?? 0);
      found.push(...left.map((row) => ({ ...row, index })));
      blocks.push(block);
      if (found.length >= ROWS_OF_PAGE) fullWith = Math.min(fullWith, blocks.length);
      firstWritten = written;
    },

    isSure() {
      if (found.length < ROWS_OF_PAGE) return false;
      if (blocks.length - fullWith >= BLOCKS_AHEAD) return true;
      const lowest = found.sort(inOrder)[ROWS_OF_PAGE - 1];
      return lowest !== undefined && isLongBefore(firstWritten, lowest.at);
    },

    end(next) {
      // What stands too far back is shown now, so that the next page has few blocks to look into again. It is less than
      // a page, because the page was full later.
      const isFar = ({ index }: FoundRow): boolean => index < blocks.length - BLOCKS_AGAIN;
      const far = found.filter(isFar);
      const near = found.filter((row) => !isFar(row)).sort(inOrder);
      const room = Math.max(0, ROWS_OF_PAGE - far.length);
      const shown = [...far, ...near.slice(0, room)].sort(inOrder);
      const older = placeBehind(shown, near.slice(room), next);
      return { rows: shown.map(({ row }) => row), older: older && writePlace(older) };
    },
  };
}

/** Whether a time was so long before another that what was written by then was received before that other. */
export function isLongBefore(time: string | null, other: string): boolean {
  return time !== null && Date.parse(time) + WRITTEN_WITHIN_MS < Date.parse(other);
}
