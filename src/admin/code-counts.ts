/** Codes as they are counted, in words: of which period, under which name, and how a day compares with the one before. */
import { inPercent } from "../text/quantities.ts";
import type { Change, Period } from "../views/code-counts.ts";

/** What can be chosen: in words, and as the list of reports writes it. */
export const PERIODS = {
  day: { name: "24 hours", since: "24h" },
  week: { name: "7 days", since: "7d" },
  month: { name: "30 days", since: "30d" },
} as const satisfies Record<Period, { name: string; since: string }>;

export function periodIn(text: string | undefined): Period {
  return text === "day" || text === "month" ? text : "week";
}

/** Such as `▲ 20 %`. */
export function changeInWords({ now, before }: Change): string {
  if (now === before) return now === 0 ? "–" : "=";
  if (before === 0) return "new";
  return now > before ? `▲ ${inPercent(now - before, before)}` : `▼ ${inPercent(before - now, before)}`;
}

/** A code as statistics count it: a number, `none` or `other`. */
export function countedCodeInWords(code: string): string {
  return code === "none" ? "no code" : code === "other" ? "not listed" : code;
}
