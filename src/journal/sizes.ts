/**
 * How many bytes of each segment are safe. The bytes that a failed write left behind
 * them are not counted and never read.
 *
 * The writer adds, the removal takes away, and the reader stops where they end.
 */
import type { Position } from "./segments.ts";

export interface Sizes {
  /** The safe bytes of a segment; 0 when it was removed. */
  of(segment: number): number;
  /** The safe bytes of all segments. */
  total(): number;
  /** The numbers of all segments, as they are now. */
  segments(): readonly number[];
  /** The next segment after this one; undefined when there is none. */
  after(segment: number): number | undefined;
  /** The end of the safe bytes. */
  end(): Position;
  /** The highest number that a segment ever had; 0 before the first. */
  last(): number;
  grown(segment: number, bytes: number): void;
  removed(segment: number): void;
}

/** `least`: the segment that the drain had reached. Numbers up to it are not used again, even if the files are gone. */
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
