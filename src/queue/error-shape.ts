/** When errors of jobs are alike, and their beginnings, which are all that is looked at. */
import { BOUNDS } from "../bounds/bounds.ts";
import { beginningOf } from "../text/beginning.ts";

/** The first line of an error, and its shape: errors of one shape differ only in an id, a number or a time. */
export function shapeOf(error: string): { readonly line: string; readonly shape: string } {
  const [line = ""] = error.split("\n", 1);
  const shape = line
    .split(" ")
    .map((word) => (/\d/.test(word) ? "#" : word))
    .join(" ");
  return { line, shape };
}

/** The beginning of an error, as Redis has cut it, without half a number at its end: that would not be masked. */
export function withoutHalfNumber(beginning: string): string {
  const isWhole = Buffer.byteLength(beginning) < BOUNDS.errorLookedAt.value;
  return isWhole ? beginning : beginningOf(beginning, Math.max(0, beginning.length - 1));
}
