/** BullMQ's queues on one connection, each made when it is first used. */
import { type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";

export interface OpenQueuesOptions {
  readonly redis: Redis;
  readonly prefix: string;
  /** So many entries are kept of each queue's stream of events. */
  readonly streamKeepCount: number;
  /** Errors of BullMQ that belong to no call. */
  readonly onError: (error: Error) => void;
}

export interface OpenQueues {
  /** Rejects while Redis is not connected. */
  open(name: string, defaultJobOptions: JobsOptions): Promise<Queue>;
  close(): Promise<void>;
}

export function createOpenQueues({ redis, prefix, streamKeepCount, onError }: OpenQueuesOptions): OpenQueues {
  const queues = new Map<string, { readonly queue: Queue; readonly ready: Promise<unknown> }>();

  return {
    /**
     * BullMQ waits for ever on a connection that was never ready, so its queues are
     * made on one that is. One whose making failed never works again: it is made anew.
     */
    async open(name, defaultJobOptions) {
      if (redis.status !== "ready") throw new Error("Redis is not connected");
      let made = queues.get(name);
      if (!made) {
        const streams = { events: { maxLen: streamKeepCount } };
        const queue = new Queue(name, { connection: redis, prefix, defaultJobOptions, streams });
        queue.on("error", onError);
        made = { queue, ready: queue.waitUntilReady() };
        queues.set(name, made);
      }
      try {
        await made.ready;
        return made.queue;
      } catch (cause) {
        if (queues.get(name) === made) queues.delete(name);
        void made.queue.close().catch(() => {}); // It has nothing to finish.
        throw cause;
      }
    },

    async close() {
      await Promise.all([...queues.values()].map(({ queue }) => queue.close()));
    },
  };
}
