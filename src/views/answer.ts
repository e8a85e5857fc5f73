/** Answers a question about the trace and the queues. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { findEntries } from "../trace/find.ts";
import { readCodeCounts } from "./code-counts.ts";
import { eventSought } from "./job-sought.ts";
import { jobsOf } from "./jobs-seen.ts";
import { listJobs } from "./list-jobs.ts";
import { newestFirst } from "./list-place.ts";
import { listReports } from "./list-reports.ts";
import { readPeerWeeks } from "./peer-weeks.ts";
import type { Question } from "./question.ts";
import { findTroubles } from "./troubles.ts";
import type { OnGiven } from "./views.ts";

/** `queues`: those of events; rows tell of jobs on the first one. `onGiven` is told meanwhile how many jobs were given back. */
export function answering(
  place: QueuePlace,
  queues: readonly string[],
): (question: Question, onGiven: OnGiven) => Promise<unknown> {
  const [main = ""] = queues;
  return async (question, onGiven) => {
    switch (question.kind) {
      case "reports": {
        const { filter, from } = question;
        const q = filter.q === null ? null : await eventSought(place, queues, filter.q);
        const page = await listReports(place, { ...filter, q }, from);
        return { ...page, jobs: await jobsOf(place, main, page.rows) };
      }
      case "entries":
        return entriesFor(place, await eventSought(place, queues, question.wanted));
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
async function entriesFor(place: QueuePlace, wanted: string) {
  const { entries, more } = await findEntries(place, wanted);
  const most = BOUNDS.entriesFound.value;
  if (entries.length <= most) return { entries, more };
  return { entries: newestFirst(entries).slice(0, most), more: true };
}
