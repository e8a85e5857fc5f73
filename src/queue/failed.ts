/** A person's view of the jobs that consumers gave up on: the failed set of a queue of events. */
import { type Job, Queue } from "bullmq";
import type { DeliveryEvent } from "../delivery/event.ts";
import { isGone, jobsIn } from "./jobs.ts";
import type { QueuePlace } from "./queue-place.ts";

export interface FailedJob {
  readonly id: string;
  /** RFC 3339, UTC, by the consumer's clock. */
  readonly failedAt: string;
  readonly attempts: number;
  /** The consumer's last error, unchanged: it may have any length and any characters. */
  readonly error: string;
  readonly event: DeliveryEvent;
}

export interface FailedJobs {
  /**
   * The jobs that have failed by now, oldest first, each once, however many fail or
   * vanish meanwhile. A job that is gone when its turn comes is left out.
   */
  list(): AsyncGenerator<FailedJob>;
  /**
   * Gives one back to consumers with a fresh set of attempts: one atomic step.
   * False when no job of that id has failed.
   */
  retry(id: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens the failed jobs of a queue for a person. The connection stays the caller's. */
export function openFailedJobs({ redis, prefix }: QueuePlace, name: string): FailedJobs {
  // Its settings are the publisher's: BullMQ would set how long its stream of events is.
  const queue = new Queue<DeliveryEvent>(name, { connection: redis, prefix, skipMetasUpdate: true });
  queue.on("error", () => {}); // The call that fails tells its caller.

  return {
    async *list() {
      for await (const job of jobsIn(queue, "failed")) yield failedJob(job);
    },

    async retry(id) {
      // An id that is no job's may be a key of BullMQ.
      if ((await redis.zscore(`${prefix}:${name}:failed`, id)) === null) return false;
      const job = await queue.getJob(id);
      try {
        await job?.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true });
        return job !== undefined;
      } catch (cause) {
        if (isGone(cause)) return false;
        throw cause;
      }
    },

    close: () => queue.close(),
  };
}

function failedJob({ id = "", finishedOn = 0, attemptsMade, failedReason, data }: Job<DeliveryEvent>): FailedJob {
  return {
    id,
    failedAt: new Date(finishedOn).toISOString(),
    attempts: attemptsMade,
    error: failedReason ?? "",
    event: data,
  };
}
