/** Sorts the names in the environment that begin as ours do: settings, links that Kubernetes sets, and unknown ones. */
import { SETTINGS } from "./config.ts";
import { isServiceLink } from "./service-links.ts";
import { shownText } from "./shown.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const KNOWN = Object.values(SETTINGS).flatMap((setting) =>
  "secret" in setting ? [setting.env, `${setting.env}_FILE`] : [setting.env],
);

/** A sentence for each name that is neither a setting nor a link. */
export function unknownNames(env: Environment): readonly string[] {
  return foreignNames(env).unknown.map(
    (name) => `${shownText(name)} is no setting of mm4d, must be a known one; the nearest is ${nearest(name, KNOWN)}`,
  );
}

/** One note when there are links. */
export function notesOn(env: Environment): readonly string[] {
  const [first, ...further] = foreignNames(env).links;
  if (first === undefined) return [];
  const all = further.length === 0 ? `${first} is` : `${first} and ${further.length} more are`;
  return [`${all} of Kubernetes, no settings, and ignored. To be without them: enableServiceLinks: false`];
}

/** Names that begin as ours do, and are no settings. */
function foreignNames(env: Environment): { readonly links: readonly string[]; readonly unknown: readonly string[] } {
  const foreign = Object.keys(env).filter((name) => name.startsWith("MM4D_") && !KNOWN.includes(name));
  const isLink = (name: string): boolean => isServiceLink(name, env[name] ?? "");
  return { links: foreign.filter(isLink), unknown: foreign.filter((name) => !isLink(name)) };
}

function nearest(name: string, known: readonly string[]): string {
  const [first = ""] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  return first;
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
