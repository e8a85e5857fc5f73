/**
 * An operator's own entries, wordings and precedence rows, laid over ours.
 *
 * Every fault of a file is reported with its row. An operator's row replaces only the
 * columns that it names.
 */
import type { CodeEntry, CodeTag, Fault, Reporter } from "../delivery/code.ts";
import type { PrecedenceRow } from "../delivery/precedence.ts";
import type { Outcome } from "../delivery/verdict.ts";
import { err, ok, type Result } from "../result.ts";

export type CodeOverlay = Pick<CodeEntry, "code"> & Partial<Omit<CodeEntry, "code" | "known" | "documented">>;

export interface Overlay {
  readonly codes: readonly CodeOverlay[];
  /** Tried before ours, in order. */
  readonly precedence: readonly PrecedenceRow[];
}

/** Checks a parsed file: `{ "codes": [ … ], "precedence": [ … ] }`, both optional. Fails with a sentence for each fault. */
export function readOverlay(file: unknown): Result<Overlay, readonly string[]> {
  const faults: string[] = [];
  if (!isObject(file)) return err(["The catalogue file is no JSON object, must be one"]);
  faults.push(...unknownKeys("The catalogue file", file, { codes: null, precedence: null }));
  const codes = rowsOf(file, "codes", CODE_COLUMNS, ["code"], faults);
  const precedence = rowsOf(file, "precedence", PRECEDENCE_COLUMNS, Object.keys(PRECEDENCE_COLUMNS), faults);
  if (faults.length > 0) return err(faults);
  return ok({ codes: codes as unknown as CodeOverlay[], precedence: precedence as unknown as PrecedenceRow[] });
}

/** What a column may hold. `fits` says whether; `must` completes "must be". */
interface Column {
  readonly must: string;
  readonly fits: (value: unknown) => boolean;
}

const FAULTS: readonly Fault[] = ["client", "service", "ambiguous"];
const REPORTERS: readonly Reporter[] = ["bandwidth", "carrier"];
const TAGS: readonly CodeTag[] = ["opt-out", "spam", "receipt-timeout"];
/** The outcomes that a code may have. */
export const OUTCOMES: readonly Outcome[] = [
  "delivered",
  "forwarded",
  "deferred",
  "expired",
  "rejected",
  "unrecognised",
  "failed",
  "indeterminate",
  "unknown",
];
const CLASSES = ["none", "buffered", "receipt", "soft", "retries-exceeded", "hard", "carrier-service", "ambiguous"];
const FAMILIES = [
  "retrieved",
  "forwarded",
  "deferred",
  "indeterminate",
  "expired",
  "rejected",
  "other-negative",
  "unfamiliar",
  "absent",
];

const text: Column = {
  must: "a text that is not empty",
  fits: (value) => typeof value === "string" && value.trim() !== "",
};
const flag: Column = { must: "true or false", fits: (value) => typeof value === "boolean" };
const wholeOrNull: Column = {
  must: "a whole number or null",
  fits: (value) => value === null || (Number.isSafeInteger(value) && Number(value) >= 0),
};

const CODE_COLUMNS: Readonly<Record<string, Column>> = {
  code: {
    must: "a whole number from 0 to 999",
    fits: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 999,
  },
  name: text,
  explanation: text,
  remedy: text,
  fault: oneOfOrNull(FAULTS),
  reportedBy: oneOfOrNull(REPORTERS),
  class: oneOf(CLASSES),
  outcome: oneOfOrNull(OUTCOMES),
  rejectedBy: oneOfOrNull(REPORTERS),
  retryable: flag,
  maxRetries: wholeOrNull,
  suppress: flag,
  tag: oneOfOrNull(TAGS),
  httpCode: wholeOrNull,
  source: text,
};

const WINNER_COLUMNS: Readonly<Record<string, Column>> = {
  outcome: oneOf(OUTCOMES),
  disposition: oneOf(["success", "failure", "pending", "unknown"]),
  final: flag,
  stage: oneOfOrNull(["handset", "carrier"]),
};

const PRECEDENCE_COLUMNS: Readonly<Record<string, Column>> = {
  row: text,
  statuses: listOf(FAMILIES),
  codes: listOf(["absent", ...CLASSES]),
  winner: {
    must: '"status", "code", "status-caused-by-code", or an object of outcome, disposition, final and stage',
    fits: (value) =>
      ["status", "code", "status-caused-by-code"].includes(value as string) ||
      (isObject(value) &&
        Object.keys(value).length === Object.keys(WINNER_COLUMNS).length &&
        Object.entries(WINNER_COLUMNS).every(([key, column]) => column.fits(value[key]))),
  },
  conflict: flag,
  why: text,
};

function rowsOf(
  file: Readonly<Record<string, unknown>>,
  list: string,
  columns: Readonly<Record<string, Column>>,
  required: readonly string[],
  faults: string[],
): readonly Readonly<Record<string, unknown>>[] {
  const rows = file[list] ?? [];
  if (!Array.isArray(rows)) {
    faults.push(`${list} is no list, must be one`);
    return [];
  }
  for (const [index, row] of rows.entries()) {
    const where = `${list}[${index}]`;
    if (!isObject(row)) {
      faults.push(`${where} is no object, must be one`);
      continue;
    }
    faults.push(...unknownKeys(where, row, columns));
    for (const [name, { must, fits }] of Object.entries(columns)) {
      if (row[name] === undefined ? required.includes(name) : !fits(row[name])) {
        faults.push(
          `${where}.${name} is ${row[name] === undefined ? "missing" : JSON.stringify(row[name])}, must be ${must}`,
        );
      }
    }
  }
  return rows as readonly Readonly<Record<string, unknown>>[];
}

function unknownKeys(where: string, value: Readonly<Record<string, unknown>>, known: object): readonly string[] {
  return Object.keys(value)
    .filter((key) => !Object.hasOwn(known, key))
    .map((key) => `${where} has "${key}", must have only ${Object.keys(known).join(", ")}`);
}

function oneOf(choices: readonly string[]): Column {
  return { must: `one of ${choices.join(", ")}`, fits: (value) => choices.includes(value as string) };
}

function oneOfOrNull(choices: readonly string[]): Column {
  return {
    must: `one of ${choices.join(", ")}, or null`,
    fits: (value) => value === null || choices.includes(value as string),
  };
}

function listOf(choices: readonly string[]): Column {
  return {
    must: `a list of ${choices.join(", ")}`,
    fits: (value) => Array.isArray(value) && value.length > 0 && value.every((one) => choices.includes(one as string)),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
