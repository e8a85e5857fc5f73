/** The catalogue: every known code and how it is judged, and the entries that are made for unknown ones. */
import type { CodeEntry, Fault } from "../delivery/code.ts";
import type { PrecedenceRow } from "../delivery/precedence.ts";
import { BANDWIDTH_CODES } from "./bandwidth.ts";
import { findFamily, judgeCode, OUT_OF_RANGE } from "./families.ts";
import { FURTHER_CODES } from "./further.ts";
import type { Overlay } from "./overlay.ts";

/** The day on which the rows were last compared with their pages. Every reason in an event holds it. */
const CATALOGUE_VERSION = "2026-11-23";

/** Codes of the MM4 table that have no counterpart in the HTTP API. */
const MM4_ONLY = new Set([2, 112, 113, 114, 115, 116, 130, 140, 141, 150, 242, 304, 305, 306, 352, 402]);
const THOUSANDS: Record<Fault, number> = { client: 4000, service: 5000, ambiguous: 9000 };

/** A table of codes: all that judging and explaining must know about them. */
export interface Catalogue {
  readonly version: string;
  /** Whose table it is, as a person says it; null for a peer's own. */
  readonly vendor: string | null;
  /** Every listed code, in numeric order. */
  readonly entries: readonly CodeEntry[];
  /**
   * The entry for a code of any size. A number that is not listed gets an entry
   * made from its hundreds, with `known: false`; one outside every range gets one
   * that is not judged. Never undefined, never a guess at a meaning.
   *
   * `httpCode`: the four digits, when the report wrote the code in that form.
   */
  readonly findCode: (code: number, httpCode?: number | null) => CodeEntry;
  /** The operator's precedence rows, tried before ours. */
  readonly precedence: readonly PrecedenceRow[];
}

/** Our catalogue, with an operator's own entries laid over it. */
export function createCatalogue(overlay: Overlay = { codes: [], precedence: [] }): Catalogue {
  const byCode = new Map(OUR_ENTRIES.map((entry) => [entry.code, entry]));
  for (const own of overlay.codes) {
    const under = byCode.get(own.code) ?? { ...unlisted(own.code), name: "unnamed", source: "MM4D_CATALOGUE_FILE" };
    byCode.set(own.code, { ...under, ...own, known: true });
  }
  const laidOver = overlay.codes.length + overlay.precedence.length > 0;
  return {
    version: laidOver ? `${CATALOGUE_VERSION}+own` : CATALOGUE_VERSION,
    vendor: "Bandwidth",
    entries: [...byCode.values()].sort((a, b) => a.code - b.code),
    findCode(code, httpCode = null) {
      const entry = byCode.get(code) ?? unlisted(code);
      if (httpCode === null) return entry;
      return { ...entry, ...(HTTP_VARIANTS[httpCode] ?? {}), httpCode };
    },
    precedence: overlay.precedence,
  };
}

const OUR_ENTRIES: readonly CodeEntry[] = [
  ...BANDWIDTH_CODES.map((row) => ({
    ...row,
    known: true,
    ...judgeCode(row.code),
    httpCode: httpCounterpart(row.code, row.fault),
    source: "Bandwidth support article 12823149",
  })),
  ...FURTHER_CODES.map((row) => ({ ...row, known: true, ...judgeCode(row.code) })),
];

/**
 * Where two HTTP codes fold to one number, the family digit says which. The
 * one collision is 999: 9999 is the carrier's, 5999 is Bandwidth's own.
 */
const HTTP_VARIANTS: Readonly<Record<number, Partial<CodeEntry>>> = {
  5999: {
    fault: "service",
    reportedBy: "bandwidth",
    documented: false,
    explanation: "Bandwidth's own service failed and could not say why.",
    remedy: "One later attempt may succeed. If it happens again, ask Bandwidth support, with the message id.",
    source: "Bandwidth HTTP errors page, 5999",
  },
};

function unlisted(code: number): CodeEntry {
  const family = findFamily(code);
  return {
    code,
    name: "unlisted",
    known: false,
    documented: false,
    explanation:
      family?.explanation ?? "No page lists this number, and it is outside every range that Bandwidth is known to use.",
    remedy:
      family?.remedy ??
      "Go by the status beside it. Ask Bandwidth support for the meaning, with the code and the message id.",
    fault: family?.fault ?? null,
    reportedBy: family?.reportedBy ?? null,
    ...(family?.judgement ?? OUT_OF_RANGE),
    httpCode: null,
    source: family ? "Inferred from the hundreds" : "None",
  };
}

function httpCounterpart(code: number, fault: Fault | null): number | null {
  if (MM4_ONLY.has(code)) return null;
  // Rows without a fault that have a counterpart are 100, 101 and 111: service faults there, 5100, 5101 and 5111.
  return code + THOUSANDS[fault ?? "service"];
}
