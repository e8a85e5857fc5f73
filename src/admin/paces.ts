/** How old what a page shows may be. */
import type { Operations } from "./operations.ts";
import { rememberingFor } from "./remembering.ts";

/** Of what costs much to find, on a page that somebody has just opened. */
export const OPENED_MS = 3_000;
/** The same, on pages that stay open: it is found anew at this pace, once for all of them. */
export const KEPT_OPEN_MS = 10_000;

const TALLIES_MS = 3_000;
const DAY_MS = 86_400_000;

/** Counts that many pages ask for. Those of a week are many times those of an hour. */
export function sharedTallies(tallies: Operations["tallies"]): Operations["tallies"] {
  const ask = rememberingFor(tallies);
  return (agoMs, resolution) => ask(agoMs > DAY_MS ? KEPT_OPEN_MS : TALLIES_MS, agoMs, resolution);
}
