/**
 * Who wins, status or code: the precedence table for delivery reports.
 *
 * The code wins (row 14), because the status is the carrier's word and the code is
 * Bandwidth's specific reading of it. It does not win against proof from the handset
 * (6, 7), when only the receipt is missing (8, 9), and when both say "not yet" (10, 12).
 *
 * Rows 6, 7, 9 and 13 are our judgement; no source documents those pairs. They
 * are data so that an operator can lay another row over them.
 */
import type { CodeClass } from "./code.ts";
import type { StatusFamily } from "./status.ts";
import type { Verdict } from "./verdict.ts";

/** The class of a report's code; `absent` also stands for a code that cannot be judged. */
export type JudgedClass = Exclude<CodeClass, "out-of-range" | "not-judged"> | "absent";

/** Where the verdict of a row comes from. */
export type Winner =
  /** The status alone. */
  | "status"
  /** The code alone. */
  | "code"
  /** The status says what happened, the code who caused it. */
  | "status-caused-by-code"
  /** Neither: the row itself. */
  | Omit<Verdict, "rejectedBy" | "conflict">;

export interface PrecedenceRow {
  readonly row: string;
  readonly statuses: readonly StatusFamily[];
  readonly codes: readonly JudgedClass[];
  readonly winner: Winner;
  readonly conflict: boolean;
  readonly why: string;
}

const NEGATIVE: readonly StatusFamily[] = ["rejected", "expired", "other-negative"];
const SOFT: readonly JudgedClass[] = ["soft", "retries-exceeded"];
const HARD: readonly JudgedClass[] = ["hard", "carrier-service"];
const ANY_STATUS: readonly StatusFamily[] = [
  ...NEGATIVE,
  "retrieved",
  "forwarded",
  "deferred",
  "indeterminate",
  "unfamiliar",
  "absent",
];

const UNDECIDED: Winner = { outcome: "indeterminate", disposition: "unknown", final: true, stage: null };
const TAKEN_BY_CARRIER: Winner = { outcome: "forwarded", disposition: "success", final: true, stage: "carrier" };
const STILL_WAITING: Winner = { outcome: "deferred", disposition: "pending", final: false, stage: null };

/** In order: the first row that names both the status and the code decides. */
// biome-ignore format: a table
export const PRECEDENCE: readonly PrecedenceRow[] = [
  { row: "1",  statuses: ["unfamiliar", "absent"], codes: ["absent"], winner: "status", conflict: false, why: "There is nothing to go on" },
  { row: "2",  statuses: ["unfamiliar", "absent"], codes: ["none"], winner: TAKEN_BY_CARRIER, conflict: false, why: "All that code 0 asserts is that carrier or handset took it" },
  { row: "3",  statuses: ["unfamiliar", "absent"], codes: ["buffered", "receipt", ...SOFT, ...HARD, "ambiguous"], winner: "code", conflict: false, why: "Only the code says anything" },
  { row: "4",  statuses: NEGATIVE, codes: ["none"], winner: "status", conflict: true, why: "The carrier's no is explicit, and 0 is undocumented on MM4" },
  { row: "5",  statuses: ANY_STATUS, codes: ["absent", "none"], winner: "status", conflict: false, why: "The code adds nothing" },
  { row: "6a", statuses: ["retrieved"], codes: ["receipt"], winner: "status", conflict: false, why: "The handset's word beats a missing receipt" },
  { row: "6b", statuses: ["retrieved"], codes: ["buffered", ...SOFT, "ambiguous"], winner: "status", conflict: true, why: "The handset's word beats a code that does not know yet" },
  { row: "7",  statuses: ["retrieved"], codes: HARD, winner: UNDECIDED, conflict: true, why: "A resend and a \"delivered\" could both be wrong" },
  { row: "8",  statuses: ["forwarded"], codes: ["receipt"], winner: TAKEN_BY_CARRIER, conflict: false, why: "The carrier took it, and no handset report will come" },
  { row: "9",  statuses: [...NEGATIVE, "indeterminate", "deferred"], codes: ["receipt"], winner: UNDECIDED, conflict: false, why: "What expired is the receipt, not the message" },
  { row: "10", statuses: ["deferred", "forwarded", "indeterminate"], codes: ["buffered"], winner: STILL_WAITING, conflict: false, why: "Both say not yet" },
  { row: "11", statuses: NEGATIVE, codes: ["buffered"], winner: "status", conflict: true, why: "An explicit no is final" },
  { row: "12", statuses: ["deferred"], codes: ["soft"], winner: STILL_WAITING, conflict: false, why: "Both say not yet" },
  { row: "13", statuses: ["expired"], codes: [...SOFT, "carrier-service", "ambiguous"], winner: "status-caused-by-code", conflict: false, why: "The status already says what happened, the code adds the cause" },
  { row: "14a", statuses: ["forwarded"], codes: [...SOFT, ...HARD, "ambiguous"], winner: "code", conflict: true, why: "The code is the specific reading, but the carrier had taken it" },
  { row: "14b", statuses: ANY_STATUS, codes: [...SOFT, ...HARD, "ambiguous"], winner: "code", conflict: false, why: "The code is Bandwidth's specific reading of a vague word" },
];

/** The row that decides; an operator's rows come before ours. There is one for every pair, as a test shows. */
export function findPrecedence(
  status: StatusFamily,
  code: JudgedClass,
  own: readonly PrecedenceRow[] = [],
): PrecedenceRow {
  const fits = ({ statuses, codes }: PrecedenceRow): boolean => statuses.includes(status) && codes.includes(code);
  const row = own.find(fits) ?? BY_PAIR.get(`${status} ${code}`);
  if (!row) throw new Error(`No precedence row for status "${status}" with code "${code}"`);
  return row;
}

/** The row of each pair. */
const BY_PAIR = new Map(
  PRECEDENCE.toReversed().flatMap((row) =>
    row.statuses.flatMap((status) => row.codes.map((code) => [`${status} ${code}`, row] as const)),
  ),
);
