/**
 * Lists reports out of the trace, page by page, by going backwards through its blocks. Jobs are never listed for it:
 * a queue forgets them, and may hold a million.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { unpackWithoutHeaders } from "../trace/blocks.ts";
import { entryOrNull, type TraceEntry } from "../trace/entry.ts";
import { namesSought } from "../trace/find.ts";
import {
  type BlockPlace,
  blocksBackwards,
  blocksNamed,
  isNoNewer,
  keyOfBlock,
  tracesOf,
  type WrittenTrace,
} from "../trace/places.ts";
import { fitting, perhapsFitting, sinceOf } from "./filter.ts";
import { readPlace } from "./list-place.ts";
import { createPageOfRows, isLongBefore } from "./page-of-rows.ts";
import type { ReportFilter } from "./report-row.ts";
import { rowsIn } from "./rows.ts";
import type { Place, ReportsPage } from "./views.ts";

/** A page before its jobs, and the archive, are looked at. */
export type ListedReports = Omit<ReportsPage, "jobs" | "archive">;

/** One block to begin with, because a full one may make a page; then so many in one question. */
const BLOCKS_AT_A_TIME = 10;

/**
 * Rows that fit, newest first. Ends early where too much was looked through without fifty that fit: `older` leads on
 * from there. `isLate` is asked before each block.
 */
export async function listReports(
  place: QueuePlace,
  filter: ReportFilter,
  from: Place | null,
  isLate: () => boolean = isAfter(BOUNDS.listedMs.value),
): Promise<ListedReports> {
  const traces = await tracesOf(place);
  const begin = from === null ? null : readPlace(from);
  const fits = fitting(filter);
  const mayFit = perhapsFitting(filter);
  const since = sinceOf(filter);
  const again = begin?.shown.length ?? 0;
  const page = createPageOfRows(begin?.shown ?? []);
  let unfit = 0;
  let blocks = 0;
  let bytes = 0;
  const end = (next: BlockPlace | null): ListedReports => {
    const ended = page.end(next);
    return { ...ended, lookedThrough: ended.rows.length + unfit };
  };

  const places = placesOf(traces, filter.q, begin?.from ?? null);
  for await (const { at, content } of contentsOf(place, traces, places)) {
    const isAgain = blocks < again;
    const isTooMuch = blocks >= BOUNDS.blocksListed.value || bytes >= BOUNDS.bytesListed.value || isLate();
    // One block is always looked into, so that each page leads on. What was looked into before is gone through to its
    // end, because the place tells of all of it what was shown.
    const mayEnd = blocks > 0 && !isAgain;
    if (mayEnd && (isTooMuch || page.isSure())) return end(at);
    blocks += 1;
    bytes += content?.length ?? 0;
    const lines = await linesIn(content);
    // The first and the last one always, because they tell when they were written.
    const entries = lines.map((line, index) =>
      mayFit(line) || index === 0 || index === lines.length - 1 ? entryOrNull(line) : null,
    );
    const rows = rowsIn(entries).map(({ row, line }) => ({ row, line, at: row.at, ...at }));
    const fitting = rows.filter(({ row }) => fits(row));
    if (!isAgain) unfit += entries.filter((entry) => entry === null).length + rows.length - fitting.length;
    page.add(at, fitting, firstWrittenIn(entries));
    // What stands before came before that time too: what is drained late, as after an outage, came earlier than that.
    if (since !== null && isLongBefore(writtenAt(entries.at(-1)), since)) return end(null);
  }
  return end(null);
}

/** Says whether so much time has passed. */
export function isAfter(ms: number): () => boolean {
  const until = performance.now() + ms;
  return () => performance.now() > until;
}

/** The blocks to look into: all, or where an id or a number is sought, those that the index names. */
async function* placesOf(
  traces: readonly (WrittenTrace | null)[],
  q: string | null,
  begin: BlockPlace | null,
): AsyncGenerator<BlockPlace> {
  if (q === null) {
    yield* blocksBackwards(traces, begin);
    return;
  }
  for (const trace of traces.keys()) {
    for (const at of await blocksNamed(traces, trace, namesSought(q))) {
      if (begin === null || isNoNewer(at, begin)) yield at;
    }
  }
}

/** The lines of a block, without headers. Of one that is gone or damaged nothing: whoever reads goes on behind it. */
export async function linesIn(content: Buffer | null): Promise<readonly string[]> {
  return content === null ? [] : unpackWithoutHeaders(content).catch(() => []);
}

/** The blocks at these places, packed; null for one that is gone. */
async function* contentsOf(
  { redis }: QueuePlace,
  traces: readonly (WrittenTrace | null)[],
  places: AsyncGenerator<BlockPlace>,
): AsyncGenerator<{ readonly at: BlockPlace; readonly content: Buffer | null }> {
  for (let count = 1; ; count = BLOCKS_AT_A_TIME) {
    const some: BlockPlace[] = [];
    while (some.length < count) {
      const { value, done } = await places.next();
      if (done) break;
      some.push(value);
    }
    if (some.length === 0) return;
    const pipeline = redis.pipeline();
    for (const at of some) pipeline.getBuffer(keyOfBlock(traces, at));
    for (const [index, [cause, content]] of ((await pipeline.exec()) ?? []).entries()) {
      if (cause) throw cause;
      yield { at: some[index] as BlockPlace, content: content as Buffer | null };
    }
  }
}

/** When the first of a block was written, of which that is known: nothing that stands before was written later. */
function firstWrittenIn(entries: readonly (TraceEntry | null)[]): string | null {
  return entries.map(writtenAt).find((at) => at !== null) ?? null;
}

function writtenAt(entry: TraceEntry | null | undefined): string | null {
  if (!entry || entry.kind === "received") return null;
  if (entry.kind !== "report") return entry.at;
  return "at" in entry.fate ? entry.fate.at : null;
}
