/** The worker in the service that sends what is owed: it takes each acknowledgement, has it sent, and tries again. */
import { setTimeout as wait } from "node:timers/promises";
import { DelayedError, type Job, UnrecoverableError, Worker } from "bullmq";
import type { Acknowledgement, SendResult } from "../delivery/acknowledgement.ts";
import type { OwedJob } from "../queue/owed-jobs.ts";
import type { QueueAddress } from "../queue/queue-place.ts";
import { connectionOptions } from "../queue/redis.ts";
import { ACKNOWLEDGEMENTS_QUEUE } from "../settings/queue-names.ts";

/** How one attempt ended. */
export interface EndedAttempt {
  readonly id: string;
  readonly acknowledgement: Acknowledgement;
  /** How many attempts there were, this one included. */
  readonly attempts: number;
  /** Whether this was the last attempt. */
  readonly last: boolean;
  readonly sendResult: Exclude<SendResult, { kind: "busy" }>;
}

export interface SendingOptions {
  readonly address: QueueAddress;
  /** The waits between attempts, in milliseconds, before chance is added. */
  readonly waitsMs: readonly number[];
  /** How many may be in hand at a time. */
  readonly places: number;
  readonly send: (id: string, acknowledgement: Acknowledgement) => Promise<SendResult>;
  readonly onAttempt: (attempt: EndedAttempt) => void;
  /** Errors of BullMQ that belong to no attempt. */
  readonly onError: (error: Error) => void;
}

export interface Sending {
  setPlaces(places: number): void;
  /** Takes no more, waits `graceMs` at most for what is in hand, and ends. What has not ended by then is still owed. */
  stop(graceMs: number): Promise<void>;
}

/** Sends what is owed, until it is stopped. After a kill, what was in hand is taken up within 30 s of the next start. */
export function startSending(options: SendingOptions): Sending {
  const { address, waitsMs, send, onAttempt } = options;
  const inHand = new Set<Promise<string>>();
  let stopped = false;

  function work(job: Job<OwedJob>, token?: string): Promise<string> {
    const attempt = attemptOn(job, token);
    inHand.add(attempt);
    const over = (): void => void inHand.delete(attempt);
    attempt.then(over, over);
    return attempt;
  }

  async function attemptOn(job: Job<OwedJob>, token?: string): Promise<string> {
    const { id = "", attemptsMade, attemptsStarted } = job;
    const sendResult = await send(id, job.data);
    if (sendResult.kind === "busy") {
      await job.moveToDelayed(
        Date.now() + withChance(Math.min(BUSY_MS * 2 ** attemptsStarted, LONGEST_BUSY_MS)),
        token,
      );
      throw new DelayedError();
    }
    const attempts = attemptsMade + 1;
    const last = sendResult.kind !== "failed" || attempts >= (job.opts.attempts ?? 1);
    // An attempt that our own end has cut off is not told: the acknowledgement is still owed, as Redis has it.
    if (!stopped) onAttempt({ id, acknowledgement: job.data, attempts, last, sendResult });
    if (sendResult.kind === "sent") return sendResult.reply;
    throw sendResult.kind === "refused" ? new UnrecoverableError(sendResult.reason) : new Error(sendResult.reason);
  }

  const worker = new Worker<OwedJob, string>(ACKNOWLEDGEMENTS_QUEUE, work, {
    connection: { ...connectionOptions(address.redis), maxRetriesPerRequest: null },
    prefix: address.prefix,
    concurrency: options.places,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_LOOKED_FOR_EVERY_MS,
    // What was in hand at a kill is still owed, however often that happens.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    settings: { backoffStrategy: (attempts) => withChance(waitsMs[attempts - 1] ?? waitsMs.at(-1) ?? 0) },
  });
  worker.on("error", options.onError);
  return {
    setPlaces(places) {
      worker.concurrency = places;
    },
    async stop(graceMs) {
      const settled = worker.pause().catch(options.onError);
      const untilMs = performance.now() + graceMs;
      while (inHand.size > 0 && performance.now() < untilMs) await wait(STOPPING_LOOKED_AT_EVERY_MS);
      // Redis has a moment to take the results. Then the worker is closed by force, because BullMQ would wait for Redis.
      await Promise.race([settled, wait(TOLD_MS, undefined, { ref: false })]);
      stopped = true;
      await worker.close(true);
    },
  };
}

const LOCK_MS = 15_000;
const STALLED_LOOKED_FOR_EVERY_MS = 10_000;
const STOPPING_LOOKED_AT_EVERY_MS = 20;
const TOLD_MS = 1_000;
const BUSY_MS = 250;
const LONGEST_BUSY_MS = 30_000;

/** Makes a wait up to a fifth shorter or longer, so that what failed together is not tried again together. */
function withChance(ms: number): number {
  return Math.round(ms * (0.8 + Math.random() * 0.4));
}
