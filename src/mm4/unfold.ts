/**
 * Reads an address that a relay has folded in its middle. The text has a line feed
 * at each fold.
 *
 * Source: RFC 5322 §2.2.3: a fold stands where a blank may. Some relays fold at a column instead.
 */
import type { ReadParty } from "./address.ts";

/** The text as RFC 5322 reads it: a fold is a blank. */
export function asSaid(text: string): string {
  return text.replace(/\n+/g, " ");
}

/**
 * The address without its folds; null when that does not make it certain.
 *
 * A fold between two digits may also separate two numbers. The digits are joined only
 * with `mayJoinDigits`, in a field of one address, and when no part is a number by itself.
 *
 * Seen in practice: relays that fold at a column, whatever stands there.
 */
export function readUnfolded(
  entry: string,
  read: (text: string) => ReadParty,
  mayJoinDigits: boolean,
): ReadParty | null {
  if (!entry.includes("\n") || entry.includes("=?")) return null;
  const parts = partsOf(entry);
  if (parts.length > 1 && !(mayJoinDigits && areOneNumber(parts, read))) return null;
  const whole = read(parts.join(""));
  return isDoubtful(whole) || whole.party.kind === "shortcode" ? null : whole;
}

/** Whether the address or its domain could not be read. */
export function isDoubtful({ party, warnings }: ReadParty): boolean {
  return party.kind === "other" || warnings.includes("unreadable-domain");
}

/** The parts between folds that have a digit on both sides. At other folds the lines are joined. */
function partsOf(entry: string): readonly string[] {
  const parts: string[] = [];
  for (const line of entry.split(/\n+/)) {
    const before = parts.at(-1);
    if (before === undefined || (/\d$/.test(before) && /^\d/.test(line))) parts.push(line);
    else parts[parts.length - 1] = before + line;
  }
  return parts;
}

function areOneNumber(parts: readonly string[], read: (text: string) => ReadParty): boolean {
  return (
    /^[<"]*\+/.test(parts[0] ?? "") &&
    /\/TYPE=|@/i.test(parts.at(-1) ?? "") &&
    parts.every((part) => read(part).party.number === null)
  );
}
