/** Codes as they are told: in words, and under which number they are counted. */
import { BOUNDS } from "../bounds/bounds.ts";
import { NO_TABLE } from "../delivery/code.ts";
import type { Reason } from "../delivery/event.ts";

/** A code with its name; the number alone where it has no other name. */
export function codeInWords({ code, name }: Pick<Reason, "code" | "name">): string {
  return name === String(code) ? `code ${code}` : `${code} ${name}`;
}

/**
 * As which code a report is counted: `none` without one, `other` for a number that no row lists. Numbers of a peer without
 * a table are counted up to three digits, because a peer may send any number, and each takes room.
 */
export function countedCode(reason: Reason | null): string {
  if (reason === null) return "none";
  const isCounted = hasTable(reason) ? reason.known : reason.code <= BOUNDS.codeCounted.value;
  return isCounted ? String(reason.code) : "other";
}

/** Whether the peer's table should list the code, and does not. A peer without a table lacks nothing. */
export function isUnlisted(reason: Reason | null): boolean {
  return reason !== null && !reason.known && hasTable(reason);
}

function hasTable({ catalogueVersion }: Reason): boolean {
  return catalogueVersion !== NO_TABLE;
}
