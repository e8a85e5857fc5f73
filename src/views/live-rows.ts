/** Finds the rows that have come since the last look, for everybody who follows. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { unpackWithoutHeaders } from "../trace/blocks.ts";
import { entryOrNull } from "../trace/entry.ts";
import { type BlockPlace, blocksBackwards, keyOfBlock, tracesOf, type WrittenTrace } from "../trace/places.ts";
import { MAX_ENTRIES_IN_BLOCK } from "../trace/waiting.ts";
import { EVERY_REPORT } from "./filter.ts";
import { isOver, jobsSeen } from "./jobs-seen.ts";
import { newestFirst } from "./list-place.ts";
import { listReports } from "./list-reports.ts";
import { ROWS_OF_PAGE } from "./page-of-rows.ts";
import type { ReportRow } from "./report-row.ts";
import { rowsIn } from "./rows.ts";
import type { JobSeen, LiveRows } from "./views.ts";

/** What one look finds in the trace. */
interface NewRows extends Omit<LiveRows, "jobs"> {
  /** The newest block now. */
  readonly newest: BlockPlace | null;
}

/**
 * Gives a look, to be taken each second: the first one gives the newest rows that there are, each further one those
 * that have come since, and what has become of the jobs of the newest. A look that Redis does not answer rejects, and
 * the next one makes up for it.
 */
export function createLiveLook(place: QueuePlace, queue: string): () => Promise<LiveRows> {
  const lookAtJobs = createJobsLook(place, queue);
  /** The newest block that was looked into; undefined before the first look, null when there was none. */
  let seen: BlockPlace | null | undefined;

  async function firstLook(): Promise<NewRows> {
    // The place first, because what comes meanwhile may come twice, but must not be missed.
    const [newest = null] = await blocksBehind(await tracesOf(place), null, 1);
    const { rows } = await listReports(place, EVERY_REPORT, null);
    return { rows, skipped: 0, newest };
  }

  async function furtherLook(last: BlockPlace | null): Promise<NewRows> {
    const traces = await tracesOf(place);
    const blocks = await blocksBehind(traces, last, BOUNDS.blocksCountedLive.value);
    const read = blocks.slice(0, BOUNDS.blocksReadLive.value);
    const rows = (await Promise.all(read.map((at) => rowsOf(traces, at)))).flat();
    // So many blocks within a second are full ones.
    const unread = (blocks.length - read.length) * MAX_ENTRIES_IN_BLOCK;
    return {
      rows: newestFirst(rows).slice(0, ROWS_OF_PAGE),
      skipped: Math.max(0, rows.length - ROWS_OF_PAGE) + unread,
      newest: blocks[0] ?? last,
    };
  }

  async function rowsOf(traces: readonly (WrittenTrace | null)[], at: BlockPlace) {
    const content = await place.redis.getBuffer(keyOfBlock(traces, at));
    if (content === null) return [];
    // A damaged block is passed over, because each look would meet it again.
    const lines = await unpackWithoutHeaders(content).catch(() => []);
    const entries = lines.map(entryOrNull);
    return rowsIn(entries).map(({ row }) => row);
  }

  return async () => {
    const { rows, skipped, newest } = await (seen === undefined ? firstLook() : furtherLook(seen));
    const jobs = await lookAtJobs(rows);
    seen = newest;
    return { rows, skipped, jobs };
  };
}

/** Gives what looks at the jobs of new rows, and again at those of earlier ones until they are over; gives those that have changed. */
function createJobsLook(place: QueuePlace, queue: string) {
  /** The oldest first, each as it was told; null before it was. */
  const followed = new Map<string, string | null>();

  return async (rows: readonly ReportRow[]): Promise<LiveRows["jobs"]> => {
    for (const { jobId } of [...rows].reverse()) {
      if (jobId !== null) followed.set(jobId, followed.get(jobId) ?? null);
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
async function blocksBehind(
  traces: readonly (WrittenTrace | null)[],
  last: BlockPlace | null,
  most: number,
): Promise<readonly BlockPlace[]> {
  const blocks: BlockPlace[] = [];
  for await (const at of blocksBackwards(traces, null)) {
    if (at.trace > 0 || blocks.length === most) break;
    if (at.generation === last?.generation && at.number === last.number) break;
    blocks.push(at);
  }
  return blocks;
}
