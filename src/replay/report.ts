/** A report out of the archive, as far as replaying looks at it. */
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Outcome } from "../delivery/verdict.ts";

export interface ReplayedReport {
  readonly receivedAt: string;
  readonly peer: string;
  /** What it says with today's reader and catalogue, by the rules of then; null when it makes no event. */
  readonly event: DeliveryEvent | null;
  /** Why it makes none, in a word; null when it makes one. */
  readonly problem: string | null;
  readonly became: Became | null;
  readonly at: "archive" | "waiting" | "on-queue" | "settled";
}

interface Became {
  readonly at: string;
  readonly kind: "queued" | "duplicate" | "quarantined" | "ignored" | "bounce";
  readonly eventId: string | null;
  readonly outcome: Outcome | null;
  readonly duplicateOf: string | null;
  readonly reason: string | null;
  readonly acknowledged: boolean;
}
