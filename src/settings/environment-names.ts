/** Sorts the names in the environment that begin as ours do: settings, links that Kubernetes sets, and unknown ones. */
import { SETTINGS } from "./config.ts";
import { nearest } from "./nearest.ts";
import { isServiceLink } from "./service-links.ts";
import { shownText } from "./shown.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const KNOWN = Object.values(SETTINGS).flatMap((setting) =>
  "secret" in setting ? [setting.env, `${setting.env}_FILE`] : [setting.env],
);

/** A sentence for each name that is neither a setting nor a link. */
export function unknownNames(env: Environment): readonly string[] {
  return foreignNames(env).unknown.map(
    (name) => `${shownText(name)} is unknown. Did you mean ${nearest(name, KNOWN)}?`,
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
