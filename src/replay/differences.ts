/** What reports would become today, where that is not what became of them. Pure. */
import type { DeliveryEvent } from "../delivery/event.ts";
import type { ReplayedReport } from "./report.ts";

/** Reports that became the same, and would become the same other thing today. */
export interface Difference {
  /** In words, such as `rejected`, `quarantined (no-status)`, `no event`. */
  readonly then: string;
  readonly today: string;
  /** The report's code, as it is read today; null for none, and where they have many. */
  readonly code: number | null;
  readonly count: number;
  /** The first of them. */
  readonly examples: readonly Example[];
}

export interface Example {
  readonly receivedAt: string;
  readonly peer: string;
  readonly eventId: string | null;
  /** Today's event; null when it makes none. */
  readonly event: DeliveryEvent | null;
}

export interface Differences {
  readonly groups: readonly Difference[];
  /** Reports that would become the same, and those of which what became of them is not known. */
  readonly same: number;
  readonly notKnown: number;
}

const EXAMPLES = 3;
/** Codes are a peer's; beyond so many groups they are not told apart any more. */
const GROUPS = 100;

/** Compares each report, one after the other. */
export async function findDifferences(reports: AsyncIterable<ReplayedReport>): Promise<Differences> {
  const groups = new Map<string, { -readonly [Name in keyof Difference]: Difference[Name] }>();
  let same = 0;
  let notKnown = 0;
  for await (const report of reports) {
    const [then, today] = [wordsThen(report), wordsToday(report)];
    if (then === null) notKnown += 1;
    else if (then === today) same += 1;
    else {
      const code = groups.size < GROUPS ? (report.event?.data.reason?.code ?? null) : null;
      const key = JSON.stringify([then, today, code]);
      const group = groups.get(key) ?? { then, today, code, count: 0, examples: [] };
      groups.set(key, group);
      group.count += 1;
      if (group.examples.length < EXAMPLES) group.examples = [...group.examples, exampleOf(report)];
    }
  }
  return { groups: [...groups.values()].sort((a, b) => b.count - a.count), same, notKnown };
}

/** Null where it is not known, is still to come, or was a bounce, which is no report. */
function wordsThen({ became }: ReplayedReport): string | null {
  switch (became?.kind) {
    case undefined:
    case "bounce":
      return null;
    case "queued":
    case "duplicate":
      return became.outcome;
    case "quarantined":
      return quarantined(became.reason);
    case "ignored":
      return NO_EVENT;
  }
}

function wordsToday({ event, job, became }: ReplayedReport): string {
  if (event === null) return job?.kind === "quarantine" ? quarantined(job.message.reason) : NO_EVENT;
  const isAnother = became !== null && became.eventId !== null && became.eventId !== event.id;
  return isAnother ? `${event.data.outcome}, under another id` : event.data.outcome;
}

const NO_EVENT = "no event";

function quarantined(reason: string | null): string {
  return `quarantined (${reason ?? "unknown"})`;
}

function exampleOf({ receivedAt, peer, event, became }: ReplayedReport): Example {
  const eventId = became?.eventId ?? event?.id ?? null;
  return { receivedAt, peer, eventId, event };
}
