/** A consumer, in plain BullMQ as the README shows it: remembers what it was given. */
import { type ConnectionOptions, type Job, Worker } from "bullmq";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { valid } from "./schema.ts";

export interface TestConsumer {
  /** In the order of arrival, one a job. */
  readonly events: DeliveryEvent[];
  stop(): Promise<void>;
}

export function startConsumer(redisUrl: string, queue = "mm4-delivery-events"): TestConsumer {
  const events: DeliveryEvent[] = [];
  // A job whose completion Redis forgot in a crash is given out again, by BullMQ: that is the same job, not a second one.
  const jobs = new Set<string | undefined>();
  const { stop } = consume({ url: redisUrl }, queue, (job) => {
    if (!jobs.has(job.id)) events.push(valid(job.data as DeliveryEvent));
    jobs.add(job.id);
  });
  return { events, stop };
}

/** Gives every job to `handle`, through whatever becomes of Redis. */
export function consume(
  connection: ConnectionOptions,
  queue: string,
  handle: (job: Job) => void,
): { stop(): Promise<void> } {
  const worker = new Worker(queue, async (job) => handle(job), {
    connection: { ...connection, maxRetriesPerRequest: null },
    concurrency: 50,
    // A job that was given out when Redis crashed is noticed soon.
    lockDuration: 2_000,
    stalledInterval: 1_000,
    maxStalledCount: 100,
  });
  worker.on("error", () => {}); // Redis is taken away on purpose.
  return { stop: () => worker.close(true) };
}
