/** A sample that we ship, with what belongs to a machine replaced. */

/** Fails when something is not there, so that the sample cannot drift away from what is tried. */
export function replaceEach(text: string, pairs: readonly (readonly [string | RegExp, string])[]): string {
  return pairs.reduce((before, [from, to]) => {
    const after = before.replace(from, to);
    if (after === before) throw new Error(`${from} is not in the sample`);
    return after;
  }, text);
}
