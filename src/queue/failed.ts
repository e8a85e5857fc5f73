/**
 * Jobs that consumers gave up on: the failed set of the queue of events, in a
 * person's hands.
 */
import { type Job, Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { DeliveryEvent } from "../delivery/event.ts";
import { isGone, jobsIn } from "./jobs.ts";

export interface FailedJob {
  readonly id: string;
  /** RFC 3339, UTC, by the consumer's clock. */
  readonly failedAt: string;
  readonly attempts: number;
  /** The consumer's last error, as it stands: of any length, with any characters. */
  readonly error: string;
  readonly event: DeliveryEvent;
}

export interface FailedJobs {
  /**
   * Those that have failed by now, oldest first, each once, however many fail or
   * vanish meanwhile. One that is no longer there in its turn is left out.
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
export function openFailedJobs(redis: Redis, name: string, prefix: string): FailedJobs {
  const queue = new Queue<DeliveryEvent>(name, { connection: redis, prefix });
  queue.on("error", () => {}); // Whoever asked hears of it from the call that fails.

  return {
    async *list() {
      for await (const job of jobsIn(queue, "failed")) yield failedJob(job);
    },

    async retry(id) {
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
