/** Follows a queue: tells each event as it is added, without consuming it. */
import { Queue, QueueEvents } from "bullmq";
import type { DeliveryEvent } from "../delivery/event.ts";
import { connectionOptions, type RedisPlace, withRedis } from "./redis.ts";

export interface FollowOptions {
  readonly redis: RedisPlace;
  readonly queue: string;
  readonly prefix: string;
  /** In the order in which they were added. */
  readonly onEvent: (event: DeliveryEvent) => void;
  /** A consumer that removes its jobs at once was faster. */
  readonly onGone: (jobId: string) => void;
  readonly onError: (cause: Error) => void;
}

const CLOSE_DEADLINE_MS = 2_000;

/** Resolves once it follows. Connects again by itself when Redis goes away. */
export async function followQueue(options: FollowOptions): Promise<{ stop(): Promise<void> }> {
  const { redis, prefix } = options;
  const connection = { ...connectionOptions(redis), maxRetriesPerRequest: null };
  const shared = { prefix, connection };
  // From a fixed place on, so that what is added while Redis is away is told too.
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
function lastEventId({ redis, queue, prefix }: FollowOptions): Promise<string> {
  return withRedis(redis, async (client) => {
    const [newest] = await client.xrevrange(`${prefix}:${queue}:events`, "+", "-", "COUNT", 1);
    return newest?.[0] ?? "0-0";
  });
}
