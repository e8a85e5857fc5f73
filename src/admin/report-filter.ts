/** Which reports somebody asks for, as it stands in the address: so that a link to it can be sent to somebody else. */
import type { EventType } from "../delivery/event.ts";
import { EVENT_TYPES } from "../delivery/make-event.ts";
import { DISPOSITIONS, OUTCOMES } from "../delivery/verdict.ts";
import { TIMES, timeIn } from "../text/times.ts";
import type { ReportFilter } from "../views/report-row.ts";

/** The query of an address. */
export type Query = Readonly<Record<string, string>>;

/** Filters as they stand in an address: what a link may ask the list for. */
export type FilterTexts = Readonly<Partial<Record<(typeof NAMES)[number], string>>>;

/** What was read of a query. */
export interface FilterRead {
  readonly filter: ReportFilter;
  /** What could not be read, and so leaves nothing out: a sentence each. */
  readonly faults: readonly string[];
}

/** What can be chosen on the page. An address may have any other number, or a time. */
export const SINCE = { "1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days" } as const;

const MAX_TEXT = 1_000;

/** Reads the filters of an address. What cannot be read leaves nothing out, and is told. */
export function filterIn(query: Query, now: Date): FilterRead {
  const faults: string[] = [];
  function read<T>(name: keyof FilterTexts, find: (text: string) => T | undefined, expected: string): T | null {
    const text = textOf(query, name);
    if (text === "") return null;
    const found = find(text);
    if (found === undefined) faults.push(`${name} must be ${expected}`);
    return found ?? null;
  }
  const q = textOf(query, "q");
  const peer = textOf(query, "peer");
  return {
    filter: {
      peer: peer === "" ? null : peer,
      outcome: read("outcome", oneOf(OUTCOMES), `one of ${OUTCOMES.join(", ")}`),
      disposition: read("disposition", oneOf(DISPOSITIONS), `one of ${DISPOSITIONS.join(", ")}`),
      code: read("code", codeIn, 'a number, or "none"'),
      type: read("type", typeIn, `one of ${Object.keys(EVENT_TYPES).join(", ")}`),
      since: read("since", (text) => sinceIn(text, now), TIMES),
      conflict: isOn(query, "conflict"),
      warnings: isOn(query, "warnings"),
      q: q === "" ? null : q,
    },
    faults,
  };
}

/** The address of the list with these parts of what is asked for changed; null takes one out. It begins with its newest. */
export function reportsAddress(asked: FilterTexts, changes: Readonly<Record<string, string | null>> = {}): string {
  const parts = Object.entries({ ...known(asked), ...changes }).filter(
    (part): part is [string, string] => part[1] !== null && part[1] !== "",
  );
  const search = new URLSearchParams(parts).toString();
  return search === "" ? "/reports" : `/reports?${search}`;
}

/** The filters of a query, as a query. */
export function queryOf(query: Query): string {
  return new URLSearchParams(known(query)).toString();
}

/** Whether anything is left out. */
export function isFiltered(query: Query): boolean {
  return Object.keys(known(query)).length > 0;
}

const NAMES = ["peer", "outcome", "disposition", "code", "type", "since", "conflict", "warnings", "q"] as const;

function known(query: FilterTexts): Record<string, string> {
  return Object.fromEntries(
    NAMES.map((name) => [name, textOf(query, name)] as const).filter(([, text]) => text !== ""),
  );
}

function textOf(query: FilterTexts, name: keyof FilterTexts): string {
  return (query[name] ?? "").slice(0, MAX_TEXT).trim();
}

function oneOf<T extends string>(all: readonly T[]): (text: string) => T | undefined {
  return (text) => all.find((one) => one === text);
}

function codeIn(text: string): number | "none" | undefined {
  if (text === "none") return text;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** By its short name, or as it stands in the event. */
function typeIn(text: string): EventType | undefined {
  return Object.entries(EVENT_TYPES).find((names) => names.includes(text))?.[1];
}

function sinceIn(text: string, now: Date): string | undefined {
  const ms = timeIn(text, now);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function isOn(query: Query, name: keyof FilterTexts): boolean {
  return ["1", "yes", "true", "on"].includes(textOf(query, name));
}
