/** Finds the rows that have come since the last look, for everybody who follows. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { entryOrNull } from "../trace/entry.ts";
import { type BlockPlace, blocksBackwards, keyOfBlock, tracesOf, type WrittenTrace } from "../trace/places.ts";
import { MAX_ENTRIES_IN_BLOCK } from "../trace/waiting.ts";
import { fitting, keyOf, perhapsFitting } from "./filter.ts";
import { isOver, jobsSeen } from "./jobs-seen.ts";
import { newestFirst } from "./list-place.ts";
import { isAfter, linesIn, listReports } from "./list-reports.ts";
import { ROWS_OF_PAGE } from "./page-of-rows.ts";
import type { LiveNews } from "./question.ts";
import type { ReportFilter, ReportRow } from "./report-row.ts";
import { rowsIn } from "./rows.ts";
import type { JobSeen, LiveRows, NewRows } from "./views.ts";

type Traces = readonly (WrittenTrace | null)[];

/**
 * Gives a look, to be taken each second, with what those ask for who follow: for a filter that the last look did not
 * have it gives the newest rows that there are, for each other one those that have come since, and what has become of
 * the jobs of the newest. A look that Redis does not answer rejects, and the next one makes up for it.
 */
export function createLiveLook(
  place: QueuePlace,
  queue: string,
): (filters: readonly ReportFilter[]) => Promise<LiveNews> {
  const lookAtJobs = createJobsLook(place, queue);
  /** The newest block that was looked into; null when there was none. */
  let seen: BlockPlace | null = null;
  let known: ReadonlySet<string> = new Set();

  async function newestThatFit(filter: ReportFilter): Promise<NewRows> {
    const { rows } = await listReports(place, filter, null, isAfter(FIRST_LOOK_MS));
    return { rows, skipped: 0 };
  }

  return async (filters) => {
    const isKnown = filters.map((filter) => known.has(keyOf(filter)));
    // The place first, because what comes meanwhile may come twice, but must not be missed.
    const traces = await tracesOf(place);
    const blocks = await blocksBehind(traces, seen, known.size === 0 ? 1 : BOUNDS.blocksCountedLive.value);
    const followed = filters.filter((_, index) => isKnown[index]);
    const come = await rowsCome(
      followed,
      blocks.map((at) => async () => linesIn(await place.redis.getBuffer(keyOfBlock(traces, at)))),
    );
    const found: LiveNews["found"][number][] = [];
    for (const [index, filter] of filters.entries()) {
      const news = isKnown[index] ? come.get(filter) : await newestThatFit(filter);
      if (news !== undefined && news.rows.length > 0) found.push({ filter, ...news });
    }
    const jobs = await lookAtJobs(found.flatMap(({ rows }) => rows));
    seen = blocks[0] ?? seen;
    known = new Set(filters.map(keyOf));
    return { found, jobs };
  };
}

/** Others wait for what one who begins to follow asks for. */
const FIRST_LOOK_MS = 200;

/**
 * The rows that fit each filter, out of the newest blocks. No more are read than needed for fifty rows: where thousands
 * come in a second, reading each would take the processor from those who deliver them.
 */
async function rowsCome(
  filters: readonly ReportFilter[],
  blocks: readonly (() => Promise<readonly string[]>)[],
): Promise<ReadonlyMap<ReportFilter, NewRows>> {
  const wanted = filters.map((filter) => ({
    filter,
    fits: fitting(filter),
    mayFit: perhapsFitting(filter),
    rows: [] as ReportRow[],
    lookedThrough: 0,
    blocks: 0,
  }));
  for (const linesOfBlock of blocks.slice(0, BOUNDS.blocksReadLive.value)) {
    const hungry = wanted.filter(({ rows }) => rows.length < ROWS_OF_PAGE);
    if (hungry.length === 0) break;
    const lines = await linesOfBlock();
    const isWanted = (line: string): boolean => hungry.some(({ mayFit }) => mayFit(line));
    const rows = rowsIn(lines.map((line) => (isWanted(line) ? entryOrNull(line) : null))).map(({ row }) => row);
    for (const one of hungry) {
      one.rows.push(...rows.filter(one.fits));
      one.lookedThrough += lines.length;
      one.blocks += 1;
    }
  }
  return new Map(
    wanted.map(({ filter, rows, lookedThrough, blocks: read }) => {
      // So many blocks within a second are full ones, and as many of their reports fit as of those that were read.
      const unread = (blocks.length - read) * MAX_ENTRIES_IN_BLOCK * (rows.length / Math.max(1, lookedThrough));
      const shown = newestFirst(rows).slice(0, ROWS_OF_PAGE);
      return [filter, { rows: shown, skipped: rows.length - shown.length + Math.round(unread) }];
    }),
  );
}

/** Gives what looks at the jobs of new rows, and again at those of earlier ones until they are over; gives those that have changed. */
function createJobsLook(place: QueuePlace, queue: string) {
  /** The oldest first, each as it was told; null before it was. */
  const followed = new Map<string, string | null>();

  return async (rows: readonly ReportRow[]): Promise<LiveRows["jobs"]> => {
    for (const { jobId } of [...rows].reverse()) {
      // Told in any case: who begins to follow has not heard of it, though others have.
      if (jobId !== null) followed.set(jobId, null);
    }
    const tooMany = followed.size - BOUNDS.jobsFollowedLive.value;
    for (const id of [...followed.keys()].slice(0, Math.max(0, tooMany))) followed.delete(id);
    const changed = new Map<string, JobSeen>();
    for (const [id, job] of await jobsSeen(place, queue, [...followed.keys()])) {
      const now = JSON.stringify(job);
      if (now !== followed.get(id)) changed.set(id, job);
      if (isOver(job)) followed.delete(id);
      else followed.set(id, now);
    }
    return changed;
  };
}

/** The blocks that are newer than one, the newest first, and so many at most. What mm4d 1.0 wrote is not written any more. */
async function blocksBehind(traces: Traces, last: BlockPlace | null, most: number): Promise<readonly BlockPlace[]> {
  const blocks: BlockPlace[] = [];
  for await (const at of blocksBackwards(traces, null)) {
    if (at.trace > 0 || blocks.length === most) break;
    if (at.generation === last?.generation && at.number === last.number) break;
    blocks.push(at);
  }
  return blocks;
}
