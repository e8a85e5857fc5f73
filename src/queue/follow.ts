/** Follows a queue: hands on each event as it is added, without consuming it. */
import { Queue, QueueEvents } from "bullmq";
import type { DeliveryEvent } from "../delivery/event.ts";
import { type QueueAddress, withQueuePlace } from "./queue-place.ts";
import { connectionOptions } from "./redis.ts";

export interface FollowOptions {
  readonly address: QueueAddress;
  readonly queue: string;
  /** Called in the order in which the events were added. */
  readonly onEvent: (event: DeliveryEvent) => void;
  /** Called for a job that a consumer has removed before it was read. */
  readonly onGone: (jobId: string) => void;
  readonly onError: (cause: Error) => void;
}

const CLOSE_DEADLINE_MS = 2_000;

/** Resolves once it follows. It connects again by itself when Redis goes away. */
export async function followQueue(options: FollowOptions): Promise<{ stop(): Promise<void> }> {
  const { redis, prefix } = options.address;
  const connection = { ...connectionOptions(redis), maxRetriesPerRequest: null };
  const shared = { prefix, connection };
  // Read from a fixed entry of the stream on, so that no event is missed that is added while Redis is away.
  const events = new QueueEvents(options.queue, { ...shared, lastEventId: await lastEventId(options) });
  const queue = new Queue(options.queue, shared);
  queue.on("error", options.onError);
  events.on("error", options.onError);

  let told = Promise.resolve();
  events.on("added", ({ jobId }) => {
    told = told
      .then(() => queue.getJob(jobId))
      .then((job) => (job ? options.onEvent(job.data as DeliveryEvent) : options.onGone(jobId)))
      .catch(options.onError);
  });
  await events.waitUntilReady();
  return {
    async stop() {
      const closed = Promise.all([events.close(), queue.close()]);
      await Promise.race([closed, new Promise((done) => setTimeout(done, CLOSE_DEADLINE_MS).unref())]);
    },
  };
}

/** The newest entry of the queue's event stream. Rejects when Redis cannot be reached. */
function lastEventId({ address, queue }: FollowOptions): Promise<string> {
  return withQueuePlace(address, async ({ redis, prefix }) => {
    const [newest] = await redis.xrevrange(`${prefix}:${queue}:events`, "+", "-", "COUNT", 1);
    return newest?.[0] ?? "0-0";
  });
}
