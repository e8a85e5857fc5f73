/**
 * Puts records on BullMQ: events on the queue of events, unreadable messages on the
 * quarantine, acknowledgements that are owed on a queue of their own.
 */

import { createHash, randomUUID } from "node:crypto";
import { type Job, type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { BOUNDS } from "../bounds/bounds.ts";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { Bounce } from "../delivery/bounced.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import { wants } from "../delivery/fan-out.ts";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { acknowledgementId, acknowledgementJobs, type OwedJob } from "../queue/owed-jobs.ts";
import type { Config } from "../settings/config.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { type CountedJob, gatheringOn } from "./add-jobs.ts";
import type { QuarantineJobsOptions } from "./quarantine-jobs.ts";
import { redisFault } from "./redis-faults.ts";
import { countOf } from "./statistics.ts";

/** What is put on a queue. The id is the record's own, made by us: never a value that a peer sent. */
export type Publishable = { readonly id: string } & (
  | { readonly kind: "event"; readonly event: DeliveryEvent; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "quarantine"; readonly message: QuarantinedMessage; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "acknowledgement"; readonly acknowledgement: Acknowledgement }
);

export interface PublisherOptions {
  readonly redis: Redis;
  readonly settings: PublishingSettings;
  /** Errors of BullMQ that belong to no call. */
  readonly onError: (error: Error) => void;
}

/** Where events go, how long their ids are remembered, and what becomes of their jobs. */
export type PublishingSettings = Pick<
  Config,
  | "queue"
  | "queues"
  | "queuePrefix"
  | "dedupeHours"
  | "jobAttempts"
  | "jobBackoffMs"
  | "completedKeepSeconds"
  | "completedKeepCount"
  | "failedKeepSeconds"
  | "failedKeepCount"
  | "streamKeepCount"
  | "ackRetrySeconds"
>;

/** One queue is refused to us, whatever else Redis does. */
export class QueueRefusedError extends Error {
  override readonly name = "QueueRefusedError";
}

export interface Published {
  /** The job that already stands for this event, when the record was a duplicate. */
  readonly duplicateOf: string | null;
}

export interface Publisher {
  /**
   * One atomic step in Redis: the id is looked up, remembered and the job added.
   * Behind it another one for the acknowledgement, so that none is sent for what
   * is not stored. Harmless to repeat. Rejects when Redis is not connected,
   * refuses, or does not answer in time; then the record may be stored or not.
   */
  publish(record: Publishable): Promise<Published>;
  /**
   * Notes a bounce on the acknowledgement of this id, when `concerns` says that it may
   * be about it, and gives that acknowledgement all the same; undefined when there is none any more.
   */
  noteBounce(
    id: string,
    bounce: Bounce,
    concerns: (acknowledgement: Acknowledgement) => boolean,
  ): Promise<Acknowledgement | undefined>;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
/** Whatever else Redis says is of all of it: no memory, a replica, away. */
const ABOUT_ONE_QUEUE =
  /NOPERM|The user executing the script|ACL failure in script|WRONGTYPE|^MOVED|^CROSSSLOT|Script attempted to access|same slot/;
/** What BullMQ's own `Queue.add` says of a job that nobody has touched. */
const NEW_JOB = {
  progress: 0,
  attemptsMade: 0,
  attemptsStarted: 0,
  stalledCounter: 0,
  failedReason: "",
  returnvalue: "",
};
const NO_DUPLICATE: Published = { duplicateOf: null };

/** A fresh id for a record: never a whole number or with a colon, which BullMQ refuses. */
export function newRecordId(): string {
  return `j${randomUUID().replaceAll("-", "")}`;
}

export function createPublisher({ redis, settings, onError }: PublisherOptions): Publisher {
  const ttl = settings.dedupeHours * HOUR_MS;
  const eventJobs: JobsOptions = {
    attempts: settings.jobAttempts,
    backoff: { type: "exponential", delay: settings.jobBackoffMs },
    removeOnComplete: { age: settings.completedKeepSeconds, count: settings.completedKeepCount },
    removeOnFail: { age: settings.failedKeepSeconds, count: settings.failedKeepCount },
  };
  const owedJobs = acknowledgementJobs(settings);
  const backend = gatheringOn({ redis, prefix: settings.queuePrefix, onNotCounted: onError });
  const queues = new Map<string, { readonly queue: Queue; readonly ready: Promise<unknown> }>();

  /** With the queue's name, where Redis says why that one does not take it. */
  async function onQueue<T>(
    name: string,
    defaultJobOptions: JobsOptions,
    use: (queue: Queue) => Promise<T>,
  ): Promise<T> {
    try {
      return await use(await queueOf(name, defaultJobOptions));
    } catch (cause) {
      if (!(cause instanceof Error && ABOUT_ONE_QUEUE.test(cause.message))) throw cause;
      throw new QueueRefusedError(`The queue "${name}" does not take it: ${redisFault(cause)}`, { cause });
    }
  }

  /**
   * BullMQ waits for ever on a connection that was never ready, so its queues are
   * made on one that is. One whose making failed never works again: it is made anew.
   */
  async function queueOf(name: string, defaultJobOptions: JobsOptions): Promise<Queue> {
    if (redis.status !== "ready") throw new Error("Redis is not connected");
    let made = queues.get(name);
    if (!made) {
      const queue = new Queue(
        name,
        {
          connection: redis,
          prefix: settings.queuePrefix,
          defaultJobOptions,
          streams: { events: { maxLen: settings.streamKeepCount } },
        },
        backend,
      );
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
  }

  async function publish(record: Publishable): Promise<Published> {
    const published = record.kind === "acknowledgement" ? NO_DUPLICATE : await publishMessage(record);
    if (record.acknowledgement) {
      const id = acknowledgementId(record.acknowledgement, record.id);
      const { acknowledgement } = record;
      // As long as an event's id: what is published again is not sent again.
      const options = { jobId: id, deduplication: { id, ttl } };
      await onQueue(ACKNOWLEDGEMENTS_QUEUE, owedJobs, (queue) =>
        queue.add(acknowledgement.messageType, acknowledgement, options),
      );
    }
    return published;
  }

  async function publishMessage(record: Exclude<Publishable, { kind: "acknowledgement" }>): Promise<Published> {
    const standing = record.kind === "event" ? await addEvent(record) : await addQuarantined(record);
    return standing === record.id ? NO_DUPLICATE : { duplicateOf: standing };
  }

  /** Gives the id of the job that stands for the event. */
  async function addEvent({ id, event }: Extract<Publishable, { kind: "event" }>): Promise<string> {
    const data = textOf(event);
    const opts = {
      ...eventJobs,
      ...(Buffer.byteLength(data) > BOUNDS.consumedEventBytes.value ? { removeOnComplete: true } : {}),
      jobId: id,
      deduplication: { id: event.id, ttl },
    };
    const job = { ...NEW_JOB, id, name: event.type, data, opts, deduplicationId: event.id };
    const add = async (name: string, counted: Pick<CountedJob, "count">): Promise<string> => {
      const counting: CountedJob = { ...job, timestamp: Date.now(), ...counted };
      return onQueue(name, eventJobs, (queue) => queue.getBackend().addJob(counting, id));
    };
    const standing = await add(settings.queue, { count: countOf(event) });
    // What is not in each of them is not published, and is tried again: those that have it already stay as they are.
    const further = settings.queues.filter((fanOut) => wants(fanOut, event));
    if (further.length > 0) await Promise.all(further.map((fanOut) => add(fanOut.queue, {})));
    return standing;
  }

  async function addQuarantined({ id, message }: Extract<Publishable, { kind: "quarantine" }>): Promise<string> {
    const said = createHash("sha256").update(message.peer.name).update("\n").update(message.raw).digest("hex");
    const deduplication = { id: `q${said.slice(0, 32)}`, ttl };
    const options: QuarantineJobsOptions = { jobId: id, deduplication, peer: message.peer.name };
    const job = await onQueue(QUARANTINE_QUEUE, {}, (queue) => queue.add(message.reason, message, options));
    return job.id ?? id;
  }

  return {
    publish,
    async noteBounce(id, bounce, concerns) {
      const job = (await (await queueOf(ACKNOWLEDGEMENTS_QUEUE, owedJobs)).getJob(id)) as Job<OwedJob> | undefined;
      // That it is late, or was passed on, is no news after it has failed.
      if (job && concerns(job.data) && job.data.bounce?.action !== "failed") {
        await job.updateData({ ...job.data, bounce });
      }
      return job?.data;
    },
    async close() {
      await Promise.all([...queues.values()].map(({ queue }) => queue.close()));
    },
  };
}
