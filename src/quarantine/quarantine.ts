/**
 * The quarantine: messages that could not be read, kept for a person on a
 * BullMQ queue that nothing consumes.
 */
import { type Job, Queue } from "bullmq";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { QUARANTINE_QUEUE } from "../settings/queue-names.ts";

export interface QuarantineEntry {
  readonly id: string;
  readonly message: QuarantinedMessage;
}

export interface Quarantine {
  /** Oldest first: `count` messages from place `from` on, or all. */
  list(from?: number, count?: number): Promise<readonly QuarantineEntry[]>;
  /** `count` messages, newest first, from place `from` on: of all, or of those with one reason. */
  newest(count: number, from?: number, reason?: string | null): Promise<readonly QuarantineEntry[]>;
  /** What differs as soon as a message has come or gone; quickly found. */
  mark(): Promise<string>;
  /** How many messages are there for each reason. */
  reasons(): Promise<ReadonlyMap<string, number>>;
  /** The messages with this reason, oldest first, one at a time. */
  ofReason(reason: string): AsyncGenerator<QuarantineEntry>;
  find(id: string): Promise<QuarantineEntry | undefined>;
  /** False when there is none of that id. */
  drop(id: string): Promise<boolean>;
  /** Rejects when BullMQ could not begin. Then this quarantine never works. */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

const NAMES_AT_A_TIME = 200;

/** Opens the quarantine for a person. The connection stays the caller's. */
export function openQuarantine({ redis, prefix }: QueuePlace): Quarantine {
  const queue = new Queue<QuarantinedMessage>(QUARANTINE_QUEUE, { connection: redis, prefix });
  queue.on("error", () => {}); // The call that fails tells its caller.
  /** Leaves out jobs that another program put there. */
  const entries = (jobs: readonly (Job<QuarantinedMessage> | undefined)[]): readonly QuarantineEntry[] =>
    jobs.flatMap((job) => (job && isQuarantined(job.data) ? [{ id: job.id ?? "", message: job.data }] : []));
  /** An id that is not ours may be a key of BullMQ. */
  async function jobOf(id: string): Promise<Job<QuarantinedMessage> | undefined> {
    return /^j[0-9a-f]{32}$/.test(id) ? queue.getJob(id) : undefined;
  }

  /** Oldest first. The name of a job is its reason. */
  async function names(): Promise<readonly { id: string; reason: string }[]> {
    const key = `${prefix}:${QUARANTINE_QUEUE}`;
    const ids = (await redis.lrange(`${key}:wait`, 0, -1)).reverse();
    const found: { id: string; reason: string }[] = [];
    // A few at a time, because reports are received between them.
    for (let from = 0; from < ids.length; from += NAMES_AT_A_TIME) {
      const some = ids.slice(from, from + NAMES_AT_A_TIME);
      const pipeline = redis.pipeline();
      for (const id of some) pipeline.hget(`${key}:${id}`, "name");
      for (const [index, [, reason]] of ((await pipeline.exec()) ?? []).entries()) {
        if (typeof reason === "string") found.push({ id: some[index] ?? "", reason });
      }
    }
    return found;
  }

  return {
    async list(from = 0, count = 0) {
      const jobs = await queue.getJobs(["waiting"], from, from + count - 1, true);
      return entries(jobs);
    },
    async newest(count, from = 0, wanted = null) {
      if (wanted !== null) {
        const ids = (await names()).filter(({ reason }) => reason === wanted).reverse();
        return entries(await Promise.all(ids.slice(from, from + count).map(({ id }) => queue.getJob(id))));
      }
      const jobs = await queue.getJobs(["waiting"], from, from + count - 1, false);
      return entries(jobs);
    },
    async mark() {
      const key = `${prefix}:${QUARANTINE_QUEUE}:wait`;
      // The newest comes first. Whoever removes an older one changes the length.
      const [length, newest] = await Promise.all([redis.llen(key), redis.lindex(key, 0)]);
      return `${length} ${newest ?? ""}`;
    },
    async reasons() {
      const counts = new Map<string, number>();
      for (const { reason } of await names()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      return counts;
    },
    async *ofReason(wanted) {
      for (const { id, reason } of await names()) {
        if (reason === wanted) yield* entries([await queue.getJob(id)]);
      }
    },
    async find(id) {
      return entries([await jobOf(id)])[0];
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

/** Whether a job holds a message that we put there. Any program that reaches Redis can put something else there. */
export function isQuarantined(data: unknown): data is QuarantinedMessage {
  const { peer, raw } = (data ?? {}) as Record<keyof QuarantinedMessage, unknown>;
  const { name } = (peer ?? {}) as Record<string, unknown>;
  return typeof name === "string" && name !== "" && typeof raw === "string";
}
