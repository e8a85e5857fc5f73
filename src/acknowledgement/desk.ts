/** The queue of acknowledgements that are owed: its jobs, and a person's view of them. */
import { type Job, type JobState, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { isGone, jobsIn } from "../queue/jobs.ts";
import type { OwedJob } from "../queue/owed-jobs.ts";
import { ACKNOWLEDGEMENTS_QUEUE } from "../settings/queue-names.ts";

export type AcknowledgementState =
  /** It was not tried yet. */
  | "owed"
  | "sending"
  /** It was tried, and is tried again. */
  | "retrying"
  /** It was refused, or could not be sent for an hour. */
  | "undelivered"
  | "sent"
  /** It was sent, and came back. */
  | "bounced";

export interface AcknowledgementEntry {
  readonly id: string;
  readonly state: AcknowledgementState;
  readonly acknowledgement: OwedJob;
  readonly attempts: number;
  /** Why the last attempt failed: in the words of the peer's MMSC, of any length, with any characters. */
  readonly error: string | null;
  /** What the MMSC answered when it was sent, and how it was sent where that is not as usual; null for what was not. */
  readonly reply: string | null;
  /** When it is tried again, was sent or was given up: RFC 3339, UTC; null for what is not tried yet, or is due now. */
  readonly at: string | null;
}

export interface Acknowledgements {
  /** By state, oldest first, each once, however many change their state meanwhile. Of what was sent the last ten thousand of five days. */
  list(states?: readonly AcknowledgementState[]): AsyncGenerator<AcknowledgementEntry>;
  /**
   * Sends one again, with a fresh set of attempts; one that waits for its next
   * attempt now. False when there is none, or none in the state `only`, by now.
   */
  retry(id: string, only?: AcknowledgementState): Promise<boolean>;
  /** Rejects when BullMQ could not begin: then it never works. */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens the acknowledgements for a person. The connection stays the caller's. */
export function openAcknowledgements(redis: Redis, prefix: string): Acknowledgements {
  const queue = new Queue<OwedJob>(ACKNOWLEDGEMENTS_QUEUE, { connection: redis, prefix });
  queue.on("error", () => {}); // The caller hears of it from the call that fails.

  /** BullMQ orders jobs by the time at which they are due, shifted by twelve bits. */
  async function dueAt(id: string): Promise<number | undefined> {
    const score = await redis.zscore(`${prefix}:${ACKNOWLEDGEMENTS_QUEUE}:delayed`, id);
    return score === null ? undefined : Math.floor(Number(score) / 0x1000);
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
    async *list(states = STATES) {
      const listed = new Set<string>();
      for (const place of PLACES) {
        if (!place.holds.some((state) => states.includes(state))) continue;
        for await (const job of jobsIn(queue, place.name)) {
          const entry = await entryOf(job, place.name);
          if (!listed.has(entry.id) && states.includes(entry.state)) yield entry;
          listed.add(entry.id);
        }
      }
    },

    async retry(id, only) {
      // What is no id of ours may be a key of BullMQ's.
      const job = /^a[0-9a-f]{32}$/.test(id) ? await queue.getJob(id) : undefined;
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
  // One that waited for others to the same peer was put off, and not tried.
  if (state === "delayed" && attemptsMade > 0) return "retrying";
  if (state === "failed") return "undelivered";
  if (state === "completed") return data.bounce?.action === "failed" ? "bounced" : "sent";
  return "owed";
}

/** BullMQ's states, and which of ours they hold. */
const PLACES = [
  { name: "waiting", holds: ["owed"] },
  { name: "active", holds: ["sending"] },
  { name: "delayed", holds: ["owed", "retrying"] },
  { name: "failed", holds: ["undelivered"] },
  { name: "completed", holds: ["sent", "bounced"] },
] as const satisfies readonly { name: JobState; holds: readonly AcknowledgementState[] }[];
const STATES: readonly AcknowledgementState[] = PLACES.flatMap(({ holds }) => holds);
