/** What holds, by the facts: the questions that the rows of reasons.ts ask. Pure. */
import type { HealthFacts, QueueFacts } from "./health.ts";
import type { ReasonTimes } from "./reason-times.ts";

export function redisAnswers({ awayMs, fault }: HealthFacts["redis"]): boolean {
  return awayMs === null && fault === null;
}

/** What was seen of queues before an outage says nothing of now. */
export function seenQueues({ redis, queues }: HealthFacts): readonly QueueFacts[] {
  return redisAnswers(redis) ? queues : [];
}

/** Whether nothing is wrong but that more came within a minute than the journal holds. */
export function isQueuedAlready(
  { fullOfQueued, redis, drainFault, ...facts }: HealthFacts,
  { lagMs }: ReasonTimes,
): boolean {
  return fullOfQueued && redisAnswers(redis) && drainFault === null && oldestMs(facts) <= lagMs;
}

export function oldestMs({ journal, now }: Pick<HealthFacts, "journal" | "now">): number {
  return journal.oldestAt === null ? 0 : now.getTime() - journal.oldestAt.getTime();
}

export type Quarantine = HealthFacts["quarantine"];

export function costsReports({ refused }: Quarantine, afterMs: number): boolean {
  return refused.some(({ forMs }) => forMs >= afterMs);
}

export function share({ messages, maxMessages, bytes, maxBytes }: Quarantine): number {
  const of = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return Math.max(of(messages, maxMessages), of(bytes, maxBytes));
}

export function isEvents({ holds }: QueueFacts): boolean {
  return holds === "events";
}

export function isNotTaken({ notTakenMs }: QueueFacts, times: ReasonTimes): boolean {
  return notTakenMs !== null && notTakenMs >= times.notTakenMs;
}

/**
 * Whoever is connected and has jobs in hand is at work, however long it takes. Where Redis does not tell who is,
 * whoever renews its hold of a job is at work. What else is there takes nothing.
 */
export function isAbandoned(queue: QueueFacts, times: ReasonTimes): boolean {
  const { notTakenMs, paused, jobs, workers, held } = queue;
  const atWork = !paused && (jobs.active ?? 0) > 0 && (workers === null ? held : workers > 0);
  return isEvents(queue) && notTakenMs !== null && notTakenMs >= times.abandonedMs && !atWork;
}
