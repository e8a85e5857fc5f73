/**
 * Puts records on BullMQ: events on the queue of events, unreadable messages on the
 * quarantine, acknowledgements that are owed on a queue of their own.
 */

import { randomFillSync } from "node:crypto";
import type { Job, JobsOptions } from "bullmq";
import type { Redis } from "ioredis";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { Bounce } from "../delivery/bounced.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { type FanOut, wants } from "../delivery/fan-out.ts";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { addJobsOn, type NewJob } from "./add-jobs.ts";
import { type EventJobsSettings, eventJob, eventJobs } from "./event-jobs.ts";
import { createOpenQueues } from "./open-queues.ts";
import { acknowledgementJobs, type OwedJob, owedJob } from "./owed-jobs.ts";
import { quarantineJob } from "./quarantine-jobs.ts";
import { isAboutOneQueue, redisFault } from "./redis-faults.ts";

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
export interface PublishingSettings extends EventJobsSettings {
  /** The queue of events. */
  readonly queue: string;
  /** Further queues, each of which is given the events that fit. */
  readonly queues: readonly FanOut[];
  readonly queuePrefix: string;
  /** How long an id is remembered, in hours. */
  readonly dedupeHours: number;
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
   * Writes a bounce into the job of the acknowledgement of this id, when `concerns` says that it may
   * be about it, and gives that acknowledgement all the same; undefined when there is none any more.
   */
  writeBounce(
    id: string,
    bounce: Bounce,
    concerns: (acknowledgement: Acknowledgement) => boolean,
  ): Promise<Acknowledgement | undefined>;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const NEW: Published = { earlierJob: null };

const ID_BYTES = 16;
/** Drawn for many ids at once, because each draw is a call of the system's. */
const drawn = Buffer.alloc(256 * ID_BYTES);
let used = drawn.length;

/** A fresh id for a record: never a whole number or with a colon, which BullMQ refuses. */
export function newRecordId(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  used += ID_BYTES;
  return `j${drawn.toString("hex", used - ID_BYTES, used)}`;
}

export function createPublisher({ redis, settings, ackWaitsMs, onError }: PublisherOptions): Publisher {
  const jobsOfEvents = eventJobs(settings);
  const owedJobs = acknowledgementJobs(ackWaitsMs, settings);
  const addJobs = addJobsOn({
    redis,
    prefix: settings.queuePrefix,
    ttl: settings.dedupeHours * HOUR_MS,
    onNotCounted: onError,
  });
  const queues = createOpenQueues({
    redis,
    prefix: settings.queuePrefix,
    streamKeepCount: settings.streamKeepCount,
    onError,
  });

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
    const jobs = records.map((record) => eventJob(record, jobsOfEvents));
    const ends = await add(settings.queue, jobsOfEvents.ordinary, jobs);
    for (const [index, end] of ends.entries()) {
      const record = records[index];
      if (record) stored.set(record, resultOf(end, record.id));
    }
    if (settings.queues.length === 0) return;
    // An event that is not in each of its queues is not published, and is tried again. Those that have it stay as they are.
    const there = records.flatMap((record, index) => {
      const [job, end] = [jobs[index], ends[index]];
      // It is counted once, whatever further queues it goes to.
      return job && !(end instanceof Error) ? [{ record, job: { ...job, count: null } }] : [];
    });
    await Promise.all(
      settings.queues.map(async (fanOut) => {
        const some = there.filter(({ record }) => wants(fanOut, record.event));
        const further = some.map(({ job }) => job);
        for (const [index, end] of (await add(fanOut.queue, jobsOfEvents.ordinary, further)).entries()) {
          const record = some[index]?.record;
          if (record && end instanceof Error) stored.set(record, end);
        }
      }),
    );
  }

  /** Each in a call of its own, because they are few, and large. */
  async function addQuarantined(
    records: readonly UnreadableRecord[],
    stored: Map<Publishable, Published | Error>,
  ): Promise<void> {
    await Promise.all(
      records.map(async (record) => {
        for (const end of await add(QUARANTINE_QUEUE, {}, [quarantineJob(record)]))
          stored.set(record, resultOf(end, record.id));
      }),
    );
  }

  /** The acknowledgements that are owed for records. */
  async function addOwed(records: readonly Publishable[], stored: Map<Publishable, Published | Error>): Promise<void> {
    const owing = records.filter(isOwing);
    const ends = await add(
      ACKNOWLEDGEMENTS_QUEUE,
      owedJobs,
      owing.map((record) => owedJob(record, owedJobs)),
    );
    for (const [index, record] of owing.entries()) {
      const end = ends[index];
      if (end instanceof Error) stored.set(record, end);
    }
  }

  /** In one call. For each job the id of the one that stands for it, or why it could not be added. */
  async function add(
    name: string,
    defaultJobOptions: JobsOptions,
    jobs: readonly NewJob[],
  ): Promise<readonly (string | Error)[]> {
    if (jobs.length === 0) return [];
    try {
      const queue = await queues.open(name, defaultJobOptions);
      const ends = await addJobs(queue, jobs);
      return ends.map((end) => (end instanceof Error ? aboutQueue(name, end) : end));
    } catch (cause) {
      return jobs.map(() => aboutQueue(name, cause as Error));
    }
  }

  return {
    publish,
    async writeBounce(id, bounce, concerns) {
      const job = (await (await queues.open(ACKNOWLEDGEMENTS_QUEUE, owedJobs)).getJob(id)) as Job<OwedJob> | undefined;
      // That it is late, or was passed on, is no news after it has failed.
      if (job && concerns(job.data) && job.data.bounce?.action !== "failed") {
        await job.updateData({ ...job.data, bounce });
      }
      return job?.data;
    },
    close: queues.close,
  };
}

/** `end`: the id of the job that stands for a record, or why none does. */
function resultOf(end: string | Error, id: string): Published | Error {
  if (end instanceof Error) return end;
  return end === id ? NEW : { earlierJob: end };
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
  if (!isAboutOneQueue(cause)) return cause;
  return new QueueRefusedError(`The queue "${name}" does not take it: ${redisFault(cause)}`, { cause });
}
