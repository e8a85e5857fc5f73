/**
 * The quarantine: messages nobody could read, kept whole for a person on a
 * BullMQ queue that nothing consumes. Bounded, so that a peer gone wrong cannot
 * fill Redis.
 */
import { type Job, Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";

export const QUARANTINE_QUEUE = "mm4-quarantine";

/** What the quarantine holds. */
export interface QuarantineUse {
  readonly messages: number;
  /** Of the messages as they are kept, base64 and all. */
  readonly bytes: number;
}

/**
 * Counts the quarantine. Reads the sizes of its jobs, not the jobs: some
 * milliseconds for ten thousand.
 */
export async function measureQuarantine(redis: Redis, prefix: string): Promise<QuarantineUse> {
  const key = `${prefix}:${QUARANTINE_QUEUE}`;
  const ids = await redis.lrange(`${key}:wait`, 0, -1);
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hstrlen(`${key}:${id}`, "data");
  const sizes = (await pipeline.exec()) ?? [];
  return { messages: ids.length, bytes: sizes.reduce((sum, [, size]) => sum + Number(size ?? 0), 0) };
}

/** Keeps count of the quarantine between two measurements. */
export interface QuarantineRoom {
  has(bytes: number): boolean;
  /** A message was promised a place; it is still on its way there. */
  promised(bytes: number): void;
  /** A message that was promised a place will not come. */
  broken(bytes: number): void;
  /** A promised message has arrived. */
  arrived(bytes: number): void;
  measured(use: QuarantineUse): void;
  use(): QuarantineUse;
}

export function createQuarantineRoom(maxMessages: number, maxBytes: number): QuarantineRoom {
  let measured: QuarantineUse = { messages: 0, bytes: 0 };
  /** On their way, and arrived since the last measurement. */
  let promised: QuarantineUse = measured;
  let arrived: QuarantineUse = measured;
  const plus = (use: QuarantineUse, bytes: number, messages: number): QuarantineUse => ({
    messages: Math.max(0, use.messages + messages),
    bytes: Math.max(0, use.bytes + bytes * messages),
  });
  const use = (): QuarantineUse => ({
    messages: measured.messages + promised.messages + arrived.messages,
    bytes: measured.bytes + promised.bytes + arrived.bytes,
  });
  return {
    has: (bytes) => use().messages < maxMessages && use().bytes + bytes <= maxBytes,
    promised(bytes) {
      promised = plus(promised, bytes, 1);
    },
    broken(bytes) {
      promised = plus(promised, bytes, -1);
    },
    arrived(bytes) {
      promised = plus(promised, bytes, -1);
      arrived = plus(arrived, bytes, 1);
    },
    measured(next) {
      measured = next;
      arrived = { messages: 0, bytes: 0 };
    },
    use,
  };
}

export interface QuarantineEntry {
  readonly id: string;
  readonly message: QuarantinedMessage;
}

export interface Quarantine {
  /** Oldest first; `count` of them from place `from` on, or all. */
  list(from?: number, count?: number): Promise<readonly QuarantineEntry[]>;
  /** The last `count` that came, the last one first. */
  newest(count: number): Promise<readonly QuarantineEntry[]>;
  /** Why they are there: how many of each reason. */
  reasons(): Promise<ReadonlyMap<string, number>>;
  /** Those of a reason, oldest first, one at a time. */
  ofReason(reason: string): AsyncGenerator<QuarantineEntry>;
  find(id: string): Promise<QuarantineEntry | undefined>;
  /** False when there is none of that id. */
  drop(id: string): Promise<boolean>;
  /** Rejects when BullMQ could not begin: then it never works. */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens the quarantine for a person. The connection stays the caller's. */
export function openQuarantine(redis: Redis, prefix: string): Quarantine {
  const queue = new Queue<QuarantinedMessage>(QUARANTINE_QUEUE, { connection: redis, prefix });
  queue.on("error", () => {}); // Whoever asked hears of it from the call that fails.
  const entry = (job: Job<QuarantinedMessage>): QuarantineEntry => ({ id: job.id ?? "", message: job.data });
  /** What is no id of ours may be a key of BullMQ's. */
  async function jobOf(id: string): Promise<Job<QuarantinedMessage> | undefined> {
    return /^j[0-9a-f]{32}$/.test(id) ? queue.getJob(id) : undefined;
  }

  /** Oldest first. A job is named for why it is there. */
  async function names(): Promise<readonly { id: string; reason: string }[]> {
    const key = `${prefix}:${QUARANTINE_QUEUE}`;
    const ids = (await redis.lrange(`${key}:wait`, 0, -1)).reverse();
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hget(`${key}:${id}`, "name");
    const answers = (await pipeline.exec()) ?? [];
    return ids.flatMap((id, index) => {
      const reason = answers[index]?.[1];
      return typeof reason === "string" ? [{ id, reason }] : [];
    });
  }

  return {
    async list(from = 0, count = 0) {
      const jobs = await queue.getJobs(["waiting"], from, from + count - 1, true);
      return jobs.filter((job) => job !== undefined).map(entry);
    },
    async newest(count) {
      const jobs = await queue.getJobs(["waiting"], 0, count - 1, false);
      return jobs.filter((job) => job !== undefined).map(entry);
    },
    async reasons() {
      const counts = new Map<string, number>();
      for (const { reason } of await names()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      return counts;
    },
    async *ofReason(wanted) {
      for (const { id, reason } of await names()) {
        const job = reason === wanted ? await queue.getJob(id) : undefined;
        if (job) yield entry(job);
      }
    },
    async find(id) {
      const job = await jobOf(id);
      return job && entry(job);
    },
    async drop(id) {
      const job = await jobOf(id);
      await job?.remove();
      return job !== undefined;
    },
    ready: () => queue.waitUntilReady(),
    close: () => queue.close(),
  };
}
