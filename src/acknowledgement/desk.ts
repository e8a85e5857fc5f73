/** The acknowledgements that are owed, as a person sees them: the jobs of their queue. */
import { type Job, type JobState, Queue } from "bullmq";
import { isGone, jobsIn, type Stretch } from "../queue/jobs.ts";
import type { OwedJob } from "../queue/owed-jobs.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { ACKNOWLEDGEMENTS_QUEUE } from "../settings/queue-names.ts";

export type AcknowledgementState =
  /** Not tried yet. */
  | "owed"
  | "sending"
  /** An attempt failed; it will be tried again. */
  | "retrying"
  /** Refused, or it could not be sent for an hour. */
  | "undelivered"
  | "sent"
  /** Sent, and it came back. */
  | "bounced";

export interface AcknowledgementEntry {
  readonly id: string;
  readonly state: AcknowledgementState;
  readonly acknowledgement: OwedJob;
  readonly attempts: number;
  /** Why the last attempt failed, in the words of the peer's MMSC: they have any length and any characters. */
  readonly error: string | null;
  /** What the MMSC answered when it was sent, and how it was sent if that was unusual; null if it was not sent. */
  readonly reply: string | null;
  /** When it is tried again, was sent or was given up: RFC 3339, UTC; null when it was not tried yet, or is due now. */
  readonly at: string | null;
}

export interface Acknowledgements {
  /**
   * By state, oldest first unless asked otherwise, each once, however many change their state meanwhile. Sent ones are kept for five
   * days, ten thousand at most. `most` bounds how many of each of BullMQ's states are looked at.
   */
  list(states?: readonly AcknowledgementState[], stretch?: Stretch): AsyncGenerator<AcknowledgementEntry>;
  find(id: string): Promise<AcknowledgementEntry | undefined>;
  /**
   * Sends one again with a fresh set of attempts. One that waits for its next attempt
   * is tried at once. False when there is none by now, or none in the state `only`.
   */
  retry(id: string, only?: AcknowledgementState): Promise<boolean>;
  /** Rejects when BullMQ could not begin. Then this view never works. */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens the acknowledgements for a person. The connection stays the caller's. */
export function openAcknowledgements({ redis, prefix }: QueuePlace): Acknowledgements {
  const queue = new Queue<OwedJob>(ACKNOWLEDGEMENTS_QUEUE, { connection: redis, prefix });
  queue.on("error", () => {}); // The call that fails tells its caller.

  /** BullMQ's score of a delayed job is the time at which it is due, shifted by twelve bits. */
  async function dueAt(id: string): Promise<number | undefined> {
    const score = await redis.zscore(`${prefix}:${ACKNOWLEDGEMENTS_QUEUE}:delayed`, id);
    return score === null ? undefined : Math.floor(Number(score) / 0x1000);
  }

  /** An id that is not ours may be a key of BullMQ. */
  async function jobOf(id: string): Promise<Job<OwedJob> | undefined> {
    return /^a[0-9a-f]{32}$/.test(id) ? queue.getJob(id) : undefined;
  }

  async function entryOf(job: Job<OwedJob>, state: JobState): Promise<AcknowledgementEntry> {
    const { id = "", data, attemptsMade: attempts, finishedOn } = job;
    const at = state === "delayed" ? await dueAt(id) : finishedOn;
    return {
      id,
      state: stateOf(state, job),
      acknowledgement: data,
      attempts,
      error: state === "completed" ? null : (job.failedReason ?? null),
      reply: state === "completed" && typeof job.returnvalue === "string" ? job.returnvalue : null,
      at: at === undefined ? null : new Date(at).toISOString(),
    };
  }

  return {
    async *list(states = STATES, stretch = {}) {
      const listed = new Set<string>();
      for (const place of PLACES) {
        if (!place.holds.some((state) => states.includes(state))) continue;
        for await (const job of jobsIn(queue, place.name, stretch)) {
          const entry = await entryOf(job, place.name);
          if (!listed.has(entry.id) && states.includes(entry.state)) yield entry;
          listed.add(entry.id);
        }
      }
    },

    async find(id) {
      const job = await jobOf(id);
      const state = await job?.getState();
      return job && state !== undefined && state !== "unknown" ? entryOf(job, state) : undefined;
    },

    async retry(id, only) {
      const job = await jobOf(id);
      if (!job) return false;
      const state = await job.getState();
      if (only !== undefined && stateOf(state, job) !== only) return false;
      try {
        if (state === "delayed") await job.promote();
        else if (state === "failed" || state === "completed") {
          const { bounce, ...acknowledgement } = job.data;
          if (bounce) await job.updateData(acknowledgement);
          await job.retry(state, { resetAttemptsMade: true, resetAttemptsStarted: true });
        } else return false;
        return true;
      } catch (cause) {
        if (isGone(cause)) return false;
        throw cause;
      }
    },

    ready: () => queue.waitUntilReady(),
    close: () => queue.close(),
  };
}

function stateOf(state: JobState | "unknown", { data, attemptsMade }: Job<OwedJob>): AcknowledgementState {
  if (state === "active") return "sending";
  // A job that only waited for others of the same peer was put off without an attempt.
  if (state === "delayed" && attemptsMade > 0) return "retrying";
  if (state === "failed") return "undelivered";
  if (state === "completed") return data.bounce?.action === "failed" ? "bounced" : "sent";
  return "owed";
}

/** BullMQ's states, and which of our states are found in each. */
const PLACES = [
  { name: "waiting", holds: ["owed"] },
  { name: "active", holds: ["sending"] },
  { name: "delayed", holds: ["owed", "retrying"] },
  { name: "failed", holds: ["undelivered"] },
  { name: "completed", holds: ["sent", "bounced"] },
] as const satisfies readonly { name: JobState; holds: readonly AcknowledgementState[] }[];
const STATES: readonly AcknowledgementState[] = PLACES.flatMap(({ holds }) => holds);
