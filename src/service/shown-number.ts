import type { Assignment } from "../process/cluster.ts";

/** The number by which a process is told from others; null for one alone. */
export function shownNumber({ number, siblings }: Assignment): number | null {
  return siblings.length === 0 ? null : number;
}
