/** Goes through many jobs of a queue for a person, while some of them vanish. */
import { ErrorCode, type FinishedStatus, type Job, type Queue } from "bullmq";

const PAGE = 100;

/** In which order jobs are gone through, and how many of them at most. */
export interface Stretch {
  readonly newestFirst?: boolean;
  /** A job that changes its state meanwhile may then be told as it was, because asking Redis costs as much as all that wait. */
  readonly most?: number;
}

/**
 * The jobs that are in this state by now, oldest first unless asked otherwise, each once, however many come
 * or vanish meanwhile. A job that is in another state when its turn comes is left out, where all are gone through.
 */
export async function* jobsIn<Data>(
  queue: Queue<Data>,
  state: FinishedStatus | "waiting" | "active" | "delayed",
  { newestFirst = false, most }: Stretch = {},
): AsyncGenerator<Job<Data>> {
  // All ids at once, some MB for a hundred thousand, because ranks in a set that changes would skip jobs.
  const ids = await queue.getRanges([state], 0, most === undefined ? -1 : most - 1, !newestFirst);
  for (let from = 0; from < ids.length; from += PAGE) {
    const jobs = await Promise.all(
      ids.slice(from, from + PAGE).map(async (id) => {
        const job = await queue.getJob(id);
        return job && (most !== undefined || (await job.getState()) === state) ? (job as Job<Data>) : undefined;
      }),
    );
    for (const job of jobs) if (job) yield job;
  }
}

/** Whether a call failed because the job is no longer there, or no longer in that state. */
export function isGone(cause: unknown): boolean {
  const { code } = cause as { code?: unknown };
  return code === ErrorCode.JobNotExist || code === ErrorCode.JobNotInState;
}
