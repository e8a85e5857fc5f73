/**
 * The order of a list of reports, and where it goes on: newest first by when they were received, and of those of one
 * millisecond the later written first. A page ends between two reports of that order, wherever they stand in the trace.
 */
import { type BlockPlace, isNoNewer } from "../trace/places.ts";
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
  /** Its block, counted from the first that was looked into for the page. */
  readonly index: number;
}

/** Where a list goes on. */
export interface ListPlace {
  /** The newest block with something that was not shown. */
  readonly from: BlockPlace;
  /** Of the blocks down to `until` all was shown that comes before `last`, and it; null where nothing was. */
  readonly shown: { readonly until: BlockPlace; readonly last: RowPlace } | null;
}

/** For sorting: the newest first. */
export function inOrder(a: RowPlace, b: RowPlace): number {
  if (a.at !== b.at) return a.at < b.at ? 1 : -1;
  return a.trace - b.trace || b.generation - a.generation || b.number - a.number || b.line - a.line;
}

/** Rows, or entries, by their times. Those of one moment stay in their order, in which the later written come first. */
export function newestFirst<Timed extends { readonly at: string }>(some: readonly Timed[]): readonly Timed[] {
  return [...some].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}

/** Whether a block was looked into for a page before. */
export function wasLookedInto(block: BlockPlace, from: ListPlace | null): boolean {
  return from !== null && from.shown !== null && isNoNewer(from.shown.until, block);
}

/** Whether a row was on a page before. */
export function wasShown(row: RowPlace, from: ListPlace | null): boolean {
  return wasLookedInto(row, from) && from !== null && from.shown !== null && inOrder(row, from.shown.last) <= 0;
}

export function writePlace({ from, shown }: ListPlace): Place {
  if (shown === null) return blockText(from);
  const { until, last } = shown;
  return [blockText(from), blockText(until), blockText(last), last.line, last.at].join("_");
}

/** Null, which is the beginning, for what no list has given: an address may have anything. */
export function readPlace(text: Place): ListPlace | null {
  const [, from = "", until, last = "", line, at = ""] = PLACE.exec(text) ?? [];
  if (from === "") return null;
  if (until === undefined) return { from: blockIn(from), shown: null };
  return {
    from: blockIn(from),
    shown: { until: blockIn(until), last: { ...blockIn(last), line: Number(line), at } },
  };
}

const BLOCK = String.raw`[01]\.\d{1,9}\.\d{1,9}`;
const PLACE = new RegExp(String.raw`^(${BLOCK})(?:_(${BLOCK})_(${BLOCK})_(\d{1,9})_([\dTZ:.+-]{20,40}))?$`);

function blockText({ trace, generation, number }: BlockPlace): string {
  return [trace, generation, number].join(".");
}

function blockIn(text: string): BlockPlace {
  const [trace = 0, generation = 0, number = 0] = text.split(".").map(Number);
  return { trace, generation, number };
}
