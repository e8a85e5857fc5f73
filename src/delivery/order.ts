/**
 * The order of events about the same message and recipient. Reports overtake
 * each other on the way, so a consumer keeps the event that ranks highest.
 */
import type { DeliveryEvent } from "./event.ts";
import type { Verdict } from "./verdict.ts";

/** How much an event knows. The first row that fits. */
// biome-ignore format: a table
const RANKS: readonly { readonly rank: number; readonly fits: (verdict: Verdict) => boolean }[] = [
  { rank: 80, fits: ({ outcome })            => outcome === "read" || outcome === "deleted-unread" },
  { rank: 10, fits: ({ disposition })        => disposition === "pending" },
  { rank: 15, fits: ({ disposition, final }) => disposition === "failure" && !final },
  { rank: 60, fits: ({ disposition })        => disposition === "failure" },
  { rank: 20, fits: ({ disposition, final }) => disposition === "unknown" && !final },
  { rank: 40, fits: ({ disposition })        => disposition === "unknown" },
  { rank: 70, fits: ({ stage })              => stage === "handset" },
  { rank: 30, fits: ({ final })              => !final },
  { rank: 50, fits: ()                       => true },
];

/** The rank of a verdict: 10 (pending) to 80 (read). */
export function rank(verdict: Verdict): number {
  return RANKS.find(({ fits }) => fits(verdict))?.rank ?? 0;
}

/** What the order rests on, of an event or of a state kept by a consumer. */
export interface Ordered {
  readonly id: string;
  readonly rank: number;
  readonly handledAt: string | null;
}

/**
 * Whether `next` replaces what is held for the same message and recipient:
 * its (rank, handledAt with null lowest, id) is greater. Equal is false.
 */
export function shouldApply(held: Ordered, next: Ordered): boolean {
  if (next.rank !== held.rank) return next.rank > held.rank;
  const [heldAt, nextAt] = [instant(held.handledAt), instant(next.handledAt)];
  if (nextAt !== heldAt) return nextAt > heldAt;
  return next.id > held.id;
}

/** The part of an event that {@link shouldApply} compares. */
export function ordered({ id, data }: DeliveryEvent): Ordered {
  return { id, rank: data.rank, handledAt: data.handledAt };
}

function instant(handledAt: string | null): number {
  return handledAt === null ? Number.NEGATIVE_INFINITY : Date.parse(handledAt);
}
