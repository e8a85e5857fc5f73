/**
 * How many bytes of each segment are safe. What a failed write left behind them
 * is not counted and never read.
 *
 * The writer adds, the removal takes away, and the reader stops where they end.
 */
import type { Position } from "./segments.ts";

export interface Sizes {
  /** The safe bytes of a segment; 0 when it has gone. */
  of(segment: number): number;
  /** The safe bytes of all segments. */
  total(): number;
  /** The numbers of all segments, as they are now. */
  segments(): readonly number[];
  /** The next segment behind one; undefined when there is none. */
  after(segment: number): number | undefined;
  /** The end of what is safe. */
  end(): Position;
  /** The number of the last segment there has ever been; 0 before the first. */
  last(): number;
  grown(segment: number, bytes: number): void;
  removed(segment: number): void;
}

/** `least`: the segment in which the drain stood. No earlier one is begun again, although it may have gone. */
export function createSizes(recovered: ReadonlyMap<number, number>, least: number): Sizes {
  const sizes = new Map(recovered);
  let total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const last = (): number => Math.max(least, ...sizes.keys());

  return {
    of: (segment) => sizes.get(segment) ?? 0,
    total: () => total,
    segments: () => [...sizes.keys()],
    after(segment) {
      const later = [...sizes.keys()].filter((number) => number > segment);
      return later.length === 0 ? undefined : Math.min(...later);
    },
    end() {
      const segment = last();
      return { segment, offset: sizes.get(segment) ?? 0 };
    },
    last,
    grown(segment, bytes) {
      sizes.set(segment, (sizes.get(segment) ?? 0) + bytes);
      total += bytes;
    },
    removed(segment) {
      total -= sizes.get(segment) ?? 0;
      sizes.delete(segment);
    },
  };
}
