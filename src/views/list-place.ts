/**
 * The order of a list of reports, and where it goes on: newest first by when they were received, and of those of one
 * millisecond the later written first. A page ends between two reports of that order, wherever they stand in the trace.
 */
import type { BlockPlace } from "../trace/places.ts";
import type { ReportRow } from "./report-row.ts";
import type { Place } from "./views.ts";

/** A place in the order. */
export interface RowPlace extends BlockPlace {
  /** When it was received. */
  readonly at: string;
  /** In its block. */
  readonly line: number;
}

/** A row that was found, with its place. */
export interface PlacedRow extends RowPlace {
  readonly row: ReportRow;
}

/** Where a list goes on. */
export interface ListPlace {
  /** The newest block with something that was not shown. */
  readonly from: BlockPlace;
  /**
   * How many rows were shown of it, and of each further block that was looked into, in the order in which they are gone
   * through; empty where it was not looked into. Of one block rows are shown in their order, wherever pages end: so it
   * is known which they were.
   */
  readonly shown: readonly number[];
}

/** So many blocks at most are looked into again for the next page, because of rows in them that did not belong on this one. */
export const BLOCKS_AGAIN = 30;

/** For sorting: the newest first. */
export function inOrder(a: RowPlace, b: RowPlace): number {
  if (a.at !== b.at) return a.at < b.at ? 1 : -1;
  return a.trace - b.trace || b.generation - a.generation || b.number - a.number || b.line - a.line;
}

/** Rows, or entries, by their times. Those of one moment stay in their order, in which the later written come first. */
export function newestFirst<Timed extends { readonly at: string }>(some: readonly Timed[]): readonly Timed[] {
  return [...some].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}

export function writePlace({ from: { trace, generation, number }, shown }: ListPlace): Place {
  const block = [trace, generation, number].join(".");
  return shown.length === 0 ? block : `${block}_${shown.join("-")}`;
}

/** Null, which is the beginning, for what no list has given: an address may have anything. */
export function readPlace(text: Place): ListPlace | null {
  const [, block = "", counts = ""] = /^([01]\.\d{1,9}\.\d{1,9})(?:_(\d{1,6}(?:-\d{1,6})*))?$/.exec(text) ?? [];
  const shown = counts === "" ? [] : counts.split("-").map(Number);
  if (block === "" || shown.length > BLOCKS_AGAIN) return null;
  const [trace = 0, generation = 0, number = 0] = block.split(".").map(Number);
  return { from: { trace, generation, number }, shown };
}
