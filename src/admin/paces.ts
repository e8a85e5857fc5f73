/** How old what a page shows may be. */
import type { Operations } from "./operations.ts";
import { remembering, rememberingFor } from "./remembering.ts";

/** Of what costs much to find, on a page that somebody has just opened. */
export const OPENED_MS = 3_000;
/** The same, on pages that stay open: it is found anew at this pace, once for all of them. */
export const KEPT_OPEN_MS = 10_000;

/** Of whom was refused: under attack that is read of many and large hashes in Redis. */
const REFUSALS_MS = 5_000;
const TALLIES_MS = 3_000;
const DAY_MS = 86_400_000;

/** The same, where what takes long and many pages ask for is found once for all of them. */
export function shared(operations: Operations): Operations {
  const tallies = rememberingFor(operations.tallies);
  return {
    ...operations,
    refusals: remembering(REFUSALS_MS, operations.refusals),
    // Those of a week are many times those of an hour.
    tallies: (agoMs, resolution) => tallies(agoMs > DAY_MS ? KEPT_OPEN_MS : TALLIES_MS, agoMs, resolution),
  };
}
