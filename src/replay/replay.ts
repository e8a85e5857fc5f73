/**
 * Publishes what the archive holds once more: report by report, in the order of receipt, some at a time, no faster
 * than it may, and not while Redis or the queue has no room beside new reports. It can be ended at any moment: what is
 * published is remembered in the step that publishes it (queue/add-replayed.ts).
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { ReplayPublisher } from "../queue/add-replayed.ts";
import { isAboutOneQueue, redisFault } from "../queue/redis-faults.ts";
import { batchOf, createPace } from "./pace.ts";
import { type LeftOut, replayedEvent } from "./replayed-event.ts";
import type { ReplayedReport } from "./report.ts";

export interface ReplayOptions {
  /** In the order of receipt. */
  readonly reports: AsyncIterable<ReplayedReport>;
  readonly publisher: Pick<ReplayPublisher, "add">;
  /** So many events a second at most. */
  readonly rate: number;
  /** Why Redis has no room beside new reports, in words; null when it has. Rejects when it does not answer. */
  readonly noRoom: () => Promise<string | null>;
  /** Events that were put on the queue just now. */
  readonly onPublished: (events: readonly DeliveryEvent[]) => void;
  /** How far it is: after each batch, and when it begins or ends to wait. */
  readonly onProgress: (progress: Progress) => void;
  /** Ends it after the batch that is under way. */
  readonly signal: AbortSignal;
}

/** How far a replay is. */
export interface Progress {
  /** Of this run. */
  readonly counts: ReplayCounts;
  /** Events on the queue by it, in all its runs; null before the first batch of this run. */
  readonly published: number | null;
  /** When the report was received that is at hand; null before the first. */
  readonly place: string | null;
  /** What it waits for, in words; null for nothing. */
  readonly waitsFor: string | null;
}

/** What came of the reports of one run. */
export type ReplayCounts = Readonly<Record<"reports" | "published" | "before" | LeftOut, number>>;

const LOOKS_EVERY_MS = 1_000;
const WAITS_MS = 500;
/** It works half of the time at most, whatever its rate, because new reports need the same processor and the same Redis. */
const LONGEST_REST_MS = 100;

/** Resolves with how far it came: to the end, unless it was stopped. Rejects with a sentence when it cannot go on. */
export async function replay(options: ReplayOptions): Promise<Progress> {
  const { reports, publisher, noRoom, onPublished, onProgress, signal } = options;
  const pace = createPace(options.rate);
  const most = batchOf(options.rate, BOUNDS.replayBatch.value);
  const counts = { reports: 0, published: 0, before: 0, "no-event": 0, "not-queued-yet": 0 };
  let published: number | null = null;
  let place: string | null = null;
  let waitsFor: string | null = null;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let workedSinceMs = performance.now();
  let batch: DeliveryEvent[] = [];

  const progress = (): Progress => ({ counts: { ...counts }, published, place, waitsFor });

  function waits(why: string | null): void {
    if (why === waitsFor) return;
    waitsFor = why;
    onProgress(progress());
  }

  /** Why nothing can be added now, in words; null when it can. */
  async function lookAtRoom(): Promise<string | null> {
    if (performance.now() - lookedMs < LOOKS_EVERY_MS) return null;
    const why = await noRoom();
    // Looked at again before the next attempt.
    if (why === null) lookedMs = performance.now();
    return why;
  }

  /** Adds what it can, and gives what it has to wait for before it adds the rest; null where nothing is left. */
  async function addSome(receivedAt: string): Promise<string | null> {
    const why = await lookAtRoom();
    if (why !== null) return why;
    const answer = await publisher.add(batch, receivedAt);
    switch (answer.kind) {
      case "full":
        return "consumers, because enough waits on the queue";
      case "taken":
        throw new ReplayEndedError("another process goes on with it");
      case "forgotten":
        throw new ReplayEndedError(
          "Redis does not know it any more, as after a FLUSHALL: what it had published is not known either",
        );
      case "added": {
        const { fresh, fault } = answer;
        const added = batch.filter((_, index) => fresh[index]);
        const lost = (published ?? 0) + added.length - answer.published;
        // Its events are gone with what it remembers of them, and they stand before the place that it has reached.
        if (lost > 0)
          throw new ReplayEndedError(
            `Redis has lost ${lost} of the events that it had published, as after a failover to a replica that was behind`,
          );
        counts.published += added.length;
        counts.before += fresh.length - added.length;
        published = answer.published;
        batch = batch.slice(fresh.length);
        pace.took(added.length);
        if (added.length > 0) onPublished(added);
        if (fault !== null) throw fault;
        return null;
      }
    }
  }

  async function publishBatch(receivedAt: string): Promise<void> {
    while (batch.length > 0 && !signal.aborted) {
      // Where the machine is busy all this takes longer, and so does the rest.
      const restMs = Math.min(performance.now() - workedSinceMs, LONGEST_REST_MS);
      await pause(Math.max(pace.nextInMs(), restMs), signal);
      workedSinceMs = performance.now();
      if (signal.aborted) return;
      try {
        waits(await addSome(receivedAt));
      } catch (cause) {
        if (cause instanceof ReplayEndedError) throw cause;
        // Such as a right that is missing: waiting does not help.
        if (isAboutOneQueue(cause as Error)) throw new ReplayEndedError(redisFault(cause as Error));
        // What it was may have changed when it is back.
        lookedMs = Number.NEGATIVE_INFINITY;
        waits(`Redis: ${inWords(cause as Error)}`);
      }
      if (waitsFor !== null) await pause(WAITS_MS, signal);
    }
    if (!signal.aborted) onProgress(progress());
  }

  for await (const report of reports) {
    if (signal.aborted) break;
    counts.reports += 1;
    place = report.receivedAt;
    const event = replayedEvent(report);
    if (typeof event === "string") counts[event] += 1;
    else if (batch.push(event) >= most) await publishBatch(report.receivedAt);
  }
  if (place !== null) await publishBatch(place);
  return progress();
}

/** Without ioredis's own words about its settings. */
function inWords(cause: Error): string {
  return cause.name === "MaxRetriesPerRequestError" ? "it does not answer" : redisFault(cause);
}

/** A replay cannot go on, whatever is waited for. */
export class ReplayEndedError extends Error {
  override readonly name = "ReplayEndedError";
}

/** Ends early when it is stopped. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
