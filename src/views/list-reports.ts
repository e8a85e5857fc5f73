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
import { fitting, perhapsFitting } from "./filter.ts";
import type { ReportFilter, ReportRow } from "./report-row.ts";
import { rowsIn } from "./rows.ts";
import type { Place, ReportsPage } from "./views.ts";

/** How many rows a page has, at most. */
export const ROWS_OF_PAGE = 50;
/** One block to begin with, because a full one makes a page; then so many in one question. */
const BLOCKS_AT_A_TIME = 10;

/** Where a list goes on: a block, and how many of its lines are still to be gone through. */
interface ListPlace extends BlockPlace {
  readonly lines: number;
}

/**
 * Rows that fit, newest first; of several processes, whose blocks stand one behind the other, but for a second.
 * Ends early where too much was looked through without fifty that fit: `older` leads on from there.
 */
export async function listReports(
  place: QueuePlace,
  filter: ReportFilter,
  from: Place | null,
  until: number = performance.now() + BOUNDS.listedMs.value,
): Promise<ReportsPage> {
  const traces = await tracesOf(place);
  const begin = from === null ? null : readPlace(from);
  const fits = fitting(filter);
  const mayFit = perhapsFitting(filter);
  const rows: ReportRow[] = [];
  let lookedThrough = 0;
  let blocks = 0;
  let bytes = 0;
  const page = (older: ListPlace | null): ReportsPage => ({
    rows: newestFirst(rows),
    older: older && writePlace(older),
    lookedThrough,
  });

  for await (const { at, content } of contentsOf(place, traces, placesOf(traces, filter.q, begin))) {
    const isTooMuch =
      blocks >= BOUNDS.blocksListed.value || bytes >= BOUNDS.bytesListed.value || performance.now() > until;
    // One block is always looked into, so that each page leads on.
    if (rows.length === ROWS_OF_PAGE || (isTooMuch && blocks > 0)) return page(at);
    blocks += 1;
    if (content === null) continue;
    bytes += content.length;
    const lines = (await unpackWithoutHeaders(content).catch(NOTHING)).slice(0, at.lines);
    // The last one always, because it tells when they were written.
    const entries = lines.map((line, index) => (mayFit(line) || index === lines.length - 1 ? entryOrNull(line) : null));
    lookedThrough += entries.filter((entry) => entry === null).length;
    for (const { row, line } of rowsIn(entries)) {
      lookedThrough += 1;
      if (fits(row)) rows.push(row);
      if (rows.length === ROWS_OF_PAGE && line > 0) return page({ ...at, lines: line });
    }
    if (filter.since !== null && isWrittenBefore(entries.at(-1), filter.since)) return page(null);
  }
  return page(null);
}

/** Rows by the time of their reports. */
export function newestFirst(rows: readonly ReportRow[]): readonly ReportRow[] {
  return [...rows].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}

/** The blocks to look into: all, or where an id or a number is sought, those that the index names. */
async function* placesOf(
  traces: readonly (WrittenTrace | null)[],
  q: string | null,
  begin: ListPlace | null,
): AsyncGenerator<ListPlace> {
  const lines = (at: BlockPlace): number => (begin !== null && isSame(at, begin) ? begin.lines : ALL);
  if (q === null) {
    for await (const at of blocksBackwards(traces, begin)) yield { ...at, lines: lines(at) };
    return;
  }
  for (const trace of traces.keys()) {
    for (const at of await blocksNamed(traces, trace, namesSought(q))) {
      if (begin === null || isNoNewer(at, begin)) yield { ...at, lines: lines(at) };
    }
  }
}

const ALL = Number.MAX_SAFE_INTEGER;

/** What is read of a block that is damaged: the list goes on behind it. */
const NOTHING = (): readonly string[] => [];

function isSame(one: BlockPlace, other: BlockPlace): boolean {
  return one.trace === other.trace && one.generation === other.generation && one.number === other.number;
}

/** The blocks at these places, packed; null for one that is gone. */
async function* contentsOf(
  { redis }: QueuePlace,
  traces: readonly (WrittenTrace | null)[],
  places: AsyncGenerator<ListPlace>,
): AsyncGenerator<{ readonly at: ListPlace; readonly content: Buffer | null }> {
  for (let count = 1; ; count = BLOCKS_AT_A_TIME) {
    const some: ListPlace[] = [];
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
      yield { at: some[index] as ListPlace, content: content as Buffer | null };
    }
  }
}

/**
 * Whether the last of a block was written before a time. Then all that stands before it came before that time too: what
 * is drained late, as after an outage, came earlier than it was written.
 */
function isWrittenBefore(entry: TraceEntry | null | undefined, time: string): boolean {
  if (!entry || entry.kind === "received") return false;
  if (entry.kind !== "report") return entry.at < time;
  return "at" in entry.fate && entry.fate.at < time;
}

function writePlace({ trace, generation, number, lines }: ListPlace): Place {
  return [trace, generation, number, lines === ALL ? "" : lines].join(".");
}

/** Null, which is the beginning, for what no list has given: an address may have anything. */
function readPlace(text: Place): ListPlace | null {
  const [, trace, generation, number, lines] = /^([01])\.(\d{1,9})\.(\d{1,9})\.(\d{0,9})$/.exec(text) ?? [];
  if (trace === undefined) return null;
  return {
    trace: Number(trace),
    generation: Number(generation),
    number: Number(number),
    lines: lines === "" ? ALL : Number(lines),
  };
}
