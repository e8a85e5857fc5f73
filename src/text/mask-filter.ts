/** Masks what somebody has filtered by. */
import { numberMask } from "./masking.ts";

/** The values of a filter, as they are shown: an id that somebody has named may hold a number. */
export function maskFilter(filter: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const mask = numberMask([]);
  return Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, mask(value)]));
}
