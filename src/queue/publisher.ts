/**
 * Puts records on BullMQ: events on the queue of events, unreadable messages on the
 * quarantine, acknowledgements that are owed on a queue of their own.
 */

import { createHash, randomUUID } from "node:crypto";
import { type Job, type JobsOptions, Queue, type RedisQueueBackend } from "bullmq";
import type { Redis } from "ioredis";
import { BOUNDS } from "../bounds/bounds.ts";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { Bounce } from "../delivery/bounced.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import { type FanOut, wants } from "../delivery/fan-out.ts";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { addJobsOn, type CountedJob } from "./add-jobs.ts";
import { acknowledgementId, acknowledgementJobs, type OwedJob } from "./owed-jobs.ts";
import type { QuarantineJobsOptions } from "./quarantine-jobs.ts";
import { redisFault } from "./redis-faults.ts";
import { countOf } from "./statistics.ts";

/** What is put on a queue. The id is the record's own, made by us: never a value that a peer sent. */
export type Publishable = { readonly id: string } & (
  | { readonly kind: "event"; readonly event: DeliveryEvent; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "quarantine"; readonly message: QuarantinedMessage; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "acknowledgement"; readonly acknowledgement: Acknowledgement }
);

type EventRecord = Extract<Publishable, { readonly kind: "event" }>;
type UnreadableRecord = Extract<Publishable, { readonly kind: "quarantine" }>;
type OwingRecord = Publishable & { readonly acknowledgement: Acknowledgement };

export interface PublisherOptions {
  readonly redis: Redis;
  readonly settings: PublishingSettings;
  /** The waits between attempts to send an acknowledgement, in milliseconds ({@link retrySchedule}). */
  readonly ackWaitsMs: readonly number[];
  /** Errors of BullMQ that belong to no call. */
  readonly onError: (error: Error) => void;
}

/** Where events go, how long their ids are remembered, and what becomes of their jobs. */
export interface PublishingSettings {
  /** The queue of events. */
  readonly queue: string;
  /** Further queues, each of which is given the events that fit. */
  readonly queues: readonly FanOut[];
  readonly queuePrefix: string;
  /** How long an id is remembered, in hours. */
  readonly dedupeHours: number;
  /** How often a consumer may try an event. */
  readonly jobAttempts: number;
  /** The wait before its second attempt, in milliseconds. */
  readonly jobBackoffMs: number;
  /** How long a consumed job is kept, in seconds, and how many are. */
  readonly completedKeepSeconds: number;
  readonly completedKeepCount: number;
  /** How long a job that has failed is kept, in seconds, and how many are; those of acknowledgements too. */
  readonly failedKeepSeconds: number;
  readonly failedKeepCount: number;
  /** About how many entries a queue's event stream keeps. */
  readonly streamKeepCount: number;
}

/** One queue is refused to us, whatever else Redis does. */
export class QueueRefusedError extends Error {
  override readonly name = "QueueRefusedError";
}

/** What came of publishing a record. */
export interface Published {
  /** The job that stood for the same event, or the same unreadable message, before; null when the record has its own. */
  readonly earlierJob: string | null;
}

export interface Publisher {
  /**
   * Publishes a batch, and gives for each record, in order, what came of it. An error says that the record may be
   * stored or not: Redis is not connected, refuses, or did not answer in time. Harmless to repeat. Never rejects.
   *
   * Adding is one atomic step in Redis: the id is looked up, remembered and the job added. Acknowledgements are
   * added behind that, and only where it succeeded, so that none is sent for what is not stored.
   */
  publish(records: readonly Publishable[]): Promise<readonly (Published | Error)[]>;
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
const NEW: Published = { earlierJob: null };

/** A fresh id for a record: never a whole number or with a colon, which BullMQ refuses. */
export function newRecordId(): string {
  return `j${randomUUID().replaceAll("-", "")}`;
}

export function createPublisher({ redis, settings, ackWaitsMs, onError }: PublisherOptions): Publisher {
  const ttl = settings.dedupeHours * HOUR_MS;
  const eventJobs: JobsOptions = {
    attempts: settings.jobAttempts,
    backoff: { type: "exponential", delay: settings.jobBackoffMs },
    removeOnComplete: { age: settings.completedKeepSeconds, count: settings.completedKeepCount },
    removeOnFail: { age: settings.failedKeepSeconds, count: settings.failedKeepCount },
  };
  const owedJobs = acknowledgementJobs(ackWaitsMs, settings);
  const addJobs = addJobsOn({ redis, prefix: settings.queuePrefix, onNotCounted: onError });
  const queues = new Map<string, { readonly queue: Queue; readonly ready: Promise<unknown> }>();

  /**
   * BullMQ waits for ever on a connection that was never ready, so its queues are
   * made on one that is. One whose making failed never works again: it is made anew.
   */
  async function queueOf(name: string, defaultJobOptions: JobsOptions): Promise<Queue> {
    if (redis.status !== "ready") throw new Error("Redis is not connected");
    let made = queues.get(name);
    if (!made) {
      const queue = new Queue(name, {
        connection: redis,
        prefix: settings.queuePrefix,
        defaultJobOptions,
        streams: { events: { maxLen: settings.streamKeepCount } },
      });
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

  async function publish(records: readonly Publishable[]): Promise<readonly (Published | Error)[]> {
    const stored = new Map<Publishable, Published | Error>();
    await Promise.all([
      addEvents(records.filter(isEvent), stored),
      addQuarantined(records.filter(isUnreadable), stored),
    ]);
    await addOwed(
      records.filter((record) => !(stored.get(record) instanceof Error)),
      stored,
    );
    return records.map((record) => stored.get(record) ?? NEW);
  }

  async function addEvents(
    records: readonly EventRecord[],
    stored: Map<Publishable, Published | Error>,
  ): Promise<void> {
    const made = records.map((record) => ({ record, job: eventJob(record) }));
    const counting = made.map(({ record, job }) => ({ ...job, count: countOf(record.event) }));
    const ends = await add(settings.queue, eventJobs, counting);
    for (const [index, record] of records.entries()) {
      const end = ends[index] ?? record.id;
      stored.set(record, end instanceof Error ? end : publishedAs(end, record.id));
    }
    // An event that is not in each of its queues is not published, and is tried again. Those that have it stay as they are.
    const there = made.filter(({ record }) => !(stored.get(record) instanceof Error));
    await Promise.all(
      settings.queues.map(async (fanOut) => {
        const some = there.filter(({ record }) => wants(fanOut, record.event));
        const jobs = some.map(({ job }) => job);
        for (const [index, end] of (await add(fanOut.queue, eventJobs, jobs)).entries()) {
          const record = some[index]?.record;
          if (record && end instanceof Error) stored.set(record, end);
        }
      }),
    );
  }

  function eventJob({ id, event }: EventRecord): CountedJob {
    const data = textOf(event);
    const opts = {
      ...eventJobs,
      ...(Buffer.byteLength(data) > BOUNDS.consumedEventBytes.value ? { removeOnComplete: true } : {}),
      jobId: id,
      deduplication: { id: event.id, ttl },
    };
    return { ...NEW_JOB, id, name: event.type, data, opts, deduplicationId: event.id, timestamp: Date.now() };
  }

  /** One by one: they are few, and large. */
  async function addQuarantined(
    records: readonly UnreadableRecord[],
    stored: Map<Publishable, Published | Error>,
  ): Promise<void> {
    await Promise.all(
      records.map(async (record) => {
        const { id, message } = record;
        const said = createHash("sha256").update(message.peer.name).update("\n").update(message.raw).digest("hex");
        const deduplication = { id: `q${said.slice(0, 32)}`, ttl };
        const options: QuarantineJobsOptions = { jobId: id, deduplication, peer: message.peer.name };
        const end = await queueOf(QUARANTINE_QUEUE, {})
          .then((queue) => queue.add(message.reason, message, options))
          .then(
            (job) => publishedAs(job.id ?? id, id),
            (cause: Error) => aboutQueue(QUARANTINE_QUEUE, cause),
          );
        stored.set(record, end);
      }),
    );
  }

  /** The acknowledgements that are owed for records. */
  async function addOwed(records: readonly Publishable[], stored: Map<Publishable, Published | Error>): Promise<void> {
    const owing = records.filter(isOwing);
    const ends = await add(
      ACKNOWLEDGEMENTS_QUEUE,
      owedJobs,
      owing.map((record) => owedJob(record.acknowledgement, record.id)),
    );
    for (const [index, record] of owing.entries()) {
      const end = ends[index];
      if (end instanceof Error) stored.set(record, end);
    }
  }

  function owedJob(acknowledgement: Acknowledgement, recordId: string): CountedJob {
    const id = acknowledgementId(acknowledgement, recordId);
    // The id is remembered as long as an event's: what is published again is not sent again.
    const opts = { ...owedJobs, jobId: id, deduplication: { id, ttl } };
    const data = JSON.stringify(acknowledgement);
    return {
      ...NEW_JOB,
      id,
      name: acknowledgement.messageType,
      data,
      opts,
      deduplicationId: id,
      timestamp: Date.now(),
    };
  }

  /** In one call. For each job the id of the one that stands for it, or why it could not be added. */
  async function add(
    name: string,
    defaultJobOptions: JobsOptions,
    jobs: readonly CountedJob[],
  ): Promise<readonly (string | Error)[]> {
    if (jobs.length === 0) return [];
    try {
      const queue = await queueOf(name, defaultJobOptions);
      const ends = await addJobs(queue.getBackend() as RedisQueueBackend, jobs);
      return ends.map((end) => (end instanceof Error ? aboutQueue(name, end) : end));
    } catch (cause) {
      return jobs.map(() => aboutQueue(name, cause as Error));
    }
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

function publishedAs(standing: string, id: string): Published {
  return standing === id ? NEW : { earlierJob: standing };
}

function isEvent(record: Publishable): record is EventRecord {
  return record.kind === "event";
}

function isUnreadable(record: Publishable): record is UnreadableRecord {
  return record.kind === "quarantine";
}

function isOwing(record: Publishable): record is OwingRecord {
  return record.acknowledgement !== undefined;
}

/** With the queue's name, where Redis says why that one does not take it. */
function aboutQueue(name: string, cause: Error): Error {
  if (!ABOUT_ONE_QUEUE.test(cause.message)) return cause;
  return new QueueRefusedError(`The queue "${name}" does not take it: ${redisFault(cause)}`, { cause });
}
