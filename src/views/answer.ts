/** Answers a question about the trace and the queues. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { findEntries } from "../trace/find.ts";
import { tellOnlyReplays } from "../trace/replayed-note.ts";
import { findInArchive } from "./archived.ts";
import { readCodeCounts } from "./code-counts.ts";
import { fitting } from "./filter.ts";
import { eventSought } from "./job-sought.ts";
import { jobsOf } from "./jobs-seen.ts";
import { listJobs } from "./list-jobs.ts";
import { newestFirst } from "./list-place.ts";
import { type ListedReports, listReports } from "./list-reports.ts";
import { ROWS_OF_PAGE } from "./page-of-rows.ts";
import { readPeerWeeks } from "./peer-weeks.ts";
import type { ArchivePlace, Question } from "./question.ts";
import type { ReportFilter } from "./report-row.ts";
import { findTroubles } from "./troubles.ts";
import type { EntriesFound, OnGiven, ReportsPage } from "./views.ts";

/** `queues`: those of events; rows tell of jobs on the first one. `onGiven` is told meanwhile how many jobs were given back. */
export function answering(
  place: QueuePlace,
  queues: readonly string[],
  archive: ArchivePlace | null = null,
): (question: Question, onGiven: OnGiven) => Promise<unknown> {
  const [main = ""] = queues;
  return async (question, onGiven) => {
    switch (question.kind) {
      case "reports": {
        const { filter, from } = question;
        const q = filter.q === null ? null : await eventSought(place, queues, filter.q);
        const listed = await listReports(place, { ...filter, q }, from);
        const { archive: looked, ...page } = await withArchived(archive, { ...filter, q }, listed, from === null);
        return { ...page, archive: looked, jobs: await jobsOf(place, main, page.rows) };
      }
      case "entries":
        return entriesFor(place, archive, await eventSought(place, queues, question.wanted));
      case "listed":
        return listJobs(place, question.queue, question.state);
      case "troubles":
        return findTroubles(place, question.queue);
      case "codes":
        return readCodeCounts(place, question.period);
      case "peer-weeks":
        return readPeerWeeks(place);
      case "retry": {
        // BullMQ takes longer to load than all else here, and somebody waits for a first page.
        const { retryJobs } = await import("./retry-jobs.ts");
        return retryJobs(place, question.queue, question.which, { onGiven });
      }
    }
  };
}

/** Not all of them, because the main thread takes as long to read what it is handed as the thread took to find it. */
async function entriesFor(place: QueuePlace, archive: ArchivePlace | null, wanted: string): Promise<EntriesFound> {
  const { entries, more } = await findEntries(place, wanted);
  if (archive !== null && tellOnlyReplays(entries)) {
    const { looked, ...found } = await findInArchive(archive, wanted, null);
    const isAnswer = found.entries.length > 0 || entries.length === 0;
    return { entries: [...found.entries, ...entries], more: found.more || more, archive: isAnswer ? looked : null };
  }
  const most = BOUNDS.entriesFound.value;
  if (entries.length <= most) return { entries, more, archive: null };
  return { entries: newestFirst(entries).slice(0, most), more: true, archive: null };
}

/**
 * A page with what only the archive has: where an id or a number is sought, and the trace has nothing of it, or time is
 * asked for that may lie before what the trace remembers. Only behind all that the trace has.
 */
async function withArchived(
  archive: ArchivePlace | null,
  filter: ReportFilter,
  page: ListedReports,
  isNewest: boolean,
): Promise<ListedReports & Pick<ReportsPage, "archive">> {
  const { rows, older } = page;
  const isWanted = rows.length === 0 ? isNewest : filter.since !== null;
  if (archive === null || filter.q === null || older !== null || !isWanted) return { ...page, archive: null };
  const { rows: archived, looked } = await findInArchive(archive, filter.q, filter.since);
  const oldest = rows.at(-1)?.at ?? null;
  const fits = fitting(filter);
  const further = archived.filter((row) => fits(row) && (oldest === null || row.at < oldest));
  return { ...page, rows: [...rows, ...further].slice(0, 2 * ROWS_OF_PAGE), archive: looked };
}
