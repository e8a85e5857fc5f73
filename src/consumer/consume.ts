/** A BullMQ worker with the event's types: checks the version, filters, and ends politely. */
import { type ConnectionOptions, DelayedError, type Job, UnrecoverableError, Worker } from "bullmq";
import type { CodeTag } from "../delivery/code.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Outcome } from "../delivery/verdict.ts";
import { inWords, tellFailures } from "./telling.ts";

/** Handles one event. When it throws, the event is tried again later, except after {@link GiveUp}. */
export type Handler = (event: DeliveryEvent) => Promise<void> | void;

export interface ConsumeOptions {
  /** `{ url }`, options of ioredis (sentinels too), or an instance of it. Default: `{ url: process.env.REDIS_URL }`. */
  readonly connection?: ConnectionOptions;
  /** Default: `mm4-delivery-events`. */
  readonly queue?: string;
  /** Prefix of the queue's keys in Redis. Default: `bull`. */
  readonly prefix?: string;
  /** How many events are in hand at a time. Default: 10. */
  readonly concurrency?: number;
  /** Only events that no later report is expected to change. */
  readonly finalOnly?: boolean;
  /** Only events with one of these outcomes. */
  readonly outcomes?: readonly Outcome[];
  /** Only events whose code has one of these tags. */
  readonly tags?: readonly CodeTag[];
  /** When a worker gives no sign of life for so many milliseconds, its events go to others. Default: 30,000. */
  readonly lostAfterMs?: number;
  /** How many milliseconds `stop()` waits for handlers at most. Events still in hand then go to others. Default: 30,000. */
  readonly graceMs?: number;
  /**
   * Called for errors that belong to no event: Redis is away, or refuses. False: they are ignored.
   * Default: one line on stderr when Redis goes away and one when it is back; for any other error one a minute.
   */
  readonly onError?: ((cause: Error) => void) | false;
  /**
   * Called when a handler has thrown; `last` when the event is not tried again. False: it is ignored.
   * Default: a line on stderr for each kind of error, at once and then once a minute, with the count.
   */
  readonly onFailed?: ((event: DeliveryEvent | undefined, cause: Error, last: boolean) => void) | false;
}

export interface Consumption {
  /** Takes no new events, waits for those in hand, and tells Redis. Calling it again is harmless. */
  stop(): Promise<void>;
}

/** A handler throws it when trying again is of no use. The job goes to the failed set (`mm4d failed list`). */
export class GiveUp extends Error {
  override readonly name = "GiveUp";
}

/** A handler throws it to try again after so many milliseconds. It does not count as a failed attempt. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  readonly afterMs: number;
  constructor(afterMs: number, message = `Try again in ${afterMs} ms`) {
    super(message);
    this.afterMs = afterMs;
  }
}

/**
 * Gives each event to `handler`, until it is stopped. Resolves once it is
 * connected, before the first event, so that a handler may use what it resolves to;
 * rejects when the options cannot work. Redis may go away and come back.
 *
 * At least once: when a worker dies, another gets its events again. See `once`.
 */
export async function consume(handler: Handler, options: ConsumeOptions = {}): Promise<Consumption> {
  const { queue = "mm4-delivery-events", prefix = "bull", concurrency = 10 } = options;
  const { lostAfterMs = 30_000, graceMs = 30_000 } = options;
  const telling = tellFailures();
  const onError = heard(options.onError ?? telling.trouble, telling.trouble);
  const onFailed = heard(options.onFailed ?? telling.failed, onError);
  const inHand = new Set<Promise<void>>();

  async function work(job: Job<unknown>, token?: string): Promise<void> {
    const event = checked(job.data);
    if (!isWanted(event, options)) return;
    try {
      await handler(event);
    } catch (cause) {
      if (cause instanceof RetryLater) {
        await job.moveToDelayed(Date.now() + cause.afterMs, token);
        throw new DelayedError();
      }
      if (cause instanceof GiveUp) throw new UnrecoverableError(cause.message);
      // BullMQ reads `message` of any value that is thrown.
      throw cause instanceof Error ? cause : new Error(inWords(cause));
    }
  }

  const worker = new Worker<unknown, void>(
    queue,
    (job, token) => {
      const done = work(job, token);
      const over = (): void => void inHand.delete(done);
      inHand.add(done);
      done.then(over, over);
      return done;
    },
    {
      connection: connectionOf(options),
      prefix,
      concurrency,
      autorun: false,
      lockDuration: lostAfterMs,
      stalledInterval: lostAfterMs,
      maxStalledCount: MAX_DEATHS,
    },
  );
  worker.on("error", onError);
  worker.on("failed", (job, cause) => {
    const last = job === undefined || job.finishedOn !== undefined;
    onFailed(job?.data as DeliveryEvent | undefined, cause, last);
  });
  worker.getBackend().on("ready", telling.connected);
  await worker.waitUntilReady();
  telling.connected();
  // Behind what the caller does with the promise: a handler that says `consuming.stop()` needs `consuming`.
  setImmediate(() => void worker.run().catch(onError));

  let stopping: Promise<void> | undefined;
  return {
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };

  /** Not BullMQ's own close alone, because that waits for ever while Redis is away. */
  async function stop(): Promise<void> {
    const settled = worker.pause().catch(onError);
    const untilMs = performance.now() + graceMs;
    while (inHand.size > 0 && performance.now() < untilMs) await wait(LOOKED_AT_EVERY_MS);
    // A timer left running would keep the consumer's process from ending.
    await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, TOLD_MS).unref())]);
    await worker.close(true);
    telling.end();
  }
}

/** An event whose workers died that often may be the cause, so it goes to the failed set. */
const MAX_DEATHS = 20;
const LOOKED_AT_EVERY_MS = 20;
const TOLD_MS = 1_000;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function connectionOf({ connection }: ConsumeOptions): ConnectionOptions {
  const url = process.env.REDIS_URL;
  const given = connection ?? (url ? { url } : undefined);
  if (given === undefined) throw new Error("Cannot consume: no connection is given, must be one, or set REDIS_URL");
  // BullMQ requires it of a worker. An instance stays as its owner made it.
  return "status" in given ? given : ({ ...given, maxRetriesPerRequest: null } as ConnectionOptions);
}

/** The event, if this module knows its version. Otherwise it waits in the failed set for an upgrade, because reading it would be a guess. */
function checked(data: unknown): DeliveryEvent {
  const { specversion, type } = (data ?? {}) as Partial<Record<"specversion" | "type", unknown>>;
  if (specversion === "1.0" && typeof type === "string" && /^mm4d\.[a-z-]+\.v1$/.test(type)) {
    return data as DeliveryEvent;
  }
  throw new UnrecoverableError(
    `Cannot handle ${typeof type === "string" ? `"${type}"` : "what is no event"}: this mm4d/consumer knows version 1, must be upgraded ("mm4d failed retry" gives it back then)`,
  );
}

function isWanted({ data }: DeliveryEvent, { finalOnly, outcomes, tags }: ConsumeOptions): boolean {
  const tag = data.reason?.tag ?? null;
  return (
    (!finalOnly || data.final) &&
    (outcomes === undefined || outcomes.includes(data.outcome)) &&
    (tags === undefined || (tag !== null && tags.includes(tag)))
  );
}

/** The listener, made safe: when it throws, at once or later, the process does not end. */
function heard<Told extends unknown[]>(
  listener: ((...told: Told) => unknown) | false,
  onThrown: (cause: Error) => void,
): (...told: Told) => void {
  return async (...told) => {
    try {
      if (listener !== false) await listener(...told);
    } catch (cause) {
      onThrown(cause as Error);
    }
  };
}
