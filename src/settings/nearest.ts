/** Finds the name that somebody may have meant. */

/** The one of the known names that differs least; empty when none is known. */
export function nearest(name: string, known: readonly string[]): string {
  const [first = ""] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  return first;
}

/** The same; undefined where even that one is hardly what was meant. */
export function near(name: string, known: readonly string[]): string | undefined {
  const found = nearest(name, known);
  return distance(name.toLowerCase(), found.toLowerCase()) <= Math.max(2, name.length / 3) ? found : undefined;
}

/** Levenshtein's distance: how many letters to add, remove or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...b].entries()) {
      const changed = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
