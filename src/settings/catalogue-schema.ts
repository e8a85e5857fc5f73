/** What a file with codes may say: laid over the catalogue, or alone as a peer's own table. A sentence for each fault. */
import type { z } from "zod";
import type { Overlay } from "../catalogue/overlay.ts";
import { OUTCOMES_OF_CODES } from "../delivery/verdict.ts";
import { err, type Result } from "../result.ts";
import { checkOf, must, mustHave, type Zod } from "./file-check.ts";
import { shown } from "./shown.ts";

/** Reads a parsed file that is laid over the catalogue: `{ "codes": [ … ], "precedence": [ … ] }`, both optional. */
export function readOverlay(json: unknown): Result<Overlay, readonly string[]> {
  return overlay(json) as Result<Overlay, readonly string[]>;
}

/** Reads one that is a table by itself: under its rows there is nothing that could complete them. */
export function readOwnTable(json: unknown): Result<Overlay, readonly string[]> {
  const read = readOverlay(json);
  const faults = [...(read.ok ? [] : read.error), ...judgedInFull(json)];
  return faults.length > 0 ? err(faults) : read;
}

const overlay = checkOf(createSchema);

const REPORTERS = ["bandwidth", "carrier"] as const;
const CLASSES = [
  "none",
  "buffered",
  "receipt",
  "soft",
  "retries-exceeded",
  "hard",
  "carrier-service",
  "ambiguous",
] as const;
const STATUSES = [
  "retrieved",
  "forwarded",
  "deferred",
  "indeterminate",
  "expired",
  "rejected",
  "other-negative",
  "unfamiliar",
  "absent",
] as const;

function createSchema(z: Zod) {
  const objectOf = <S extends z.ZodRawShape>(shape: S, what: string) => z.strictObject(shape, mustHave(what, shape));
  const text = z
    .string(must(TEXT))
    .refine((value) => value.trim() !== "", must(TEXT))
    .optional();
  const flag = z.boolean(must("true or false"));
  const oneOf = <const T extends readonly string[]>(choices: T) => z.enum(choices, must(oneOfThese(choices)));
  const oneOrNull = <const T extends readonly string[]>(choices: T) =>
    z.enum(choices, must(`${oneOfThese(choices)}, or null`)).nullable();
  const whole = (what: string, most: number) => z.int(must(what)).min(0, must(what)).max(most, must(what));
  const wholeOrNull = whole("a whole number or null", Number.MAX_SAFE_INTEGER).nullable().optional();
  const someOf = <const T extends readonly string[]>(choices: T) => {
    const what = must(`a list of ${choices.join(", ")}`);
    return z.array(z.enum(choices, must(oneOfThese(choices))), what).min(1, what);
  };

  const code = objectOf(
    {
      code: whole("a whole number from 0 to 999", 999),
      name: text,
      explanation: text,
      remedy: text,
      fault: oneOrNull(["client", "service", "ambiguous"]).optional(),
      reportedBy: oneOrNull(REPORTERS).optional(),
      class: oneOf(CLASSES).optional(),
      outcome: oneOrNull(OUTCOMES_OF_CODES).optional(),
      rejectedBy: oneOrNull(REPORTERS).optional(),
      retryable: flag.optional(),
      maxRetries: wholeOrNull,
      suppress: flag.optional(),
      tag: oneOrNull(["opt-out", "spam", "receipt-timeout"]).optional(),
      httpCode: wholeOrNull,
      source: text,
    },
    "an object with at least code",
  );
  const verdict = z.strictObject({
    outcome: z.enum(OUTCOMES_OF_CODES),
    disposition: z.enum(["success", "failure", "pending", "unknown"]),
    final: z.boolean(),
    stage: z.enum(["handset", "carrier"]).nullable(),
  });
  const precedence = objectOf(
    {
      row: text.nonoptional(must(TEXT)),
      statuses: someOf(STATUSES),
      codes: someOf(["absent", ...CLASSES]),
      winner: z.union([z.enum(["status", "code", "status-caused-by-code"]), verdict], must(WINNER)),
      conflict: flag,
      why: text.nonoptional(must(TEXT)),
    },
    "an object with row, statuses, codes, winner, conflict and why",
  );
  return objectOf(
    {
      codes: z.array(code, must("a list")).default([]),
      precedence: z.array(precedence, must("a list")).default([]),
    },
    "an object with codes, precedence or both",
  );
}

const TEXT = "a text that is not empty";
const WINNER = '"status", "code", "status-caused-by-code", or an object of outcome, disposition, final and stage';

function oneOfThese(choices: readonly string[]): string {
  return `one of ${choices.join(", ")}`;
}

/**
 * A row that says how a code weighs must say what it means, and the other way round: otherwise a code would make a
 * verdict unknown, or none. Of two rows for a code one would be lost. Looks at what is written, because rows may have
 * other faults.
 */
function judgedInFull(json: unknown): readonly string[] {
  const written = (json as { readonly codes?: unknown } | null)?.codes;
  const rows = (Array.isArray(written) ? written : []).map((row) => (row ?? {}) as Readonly<Record<string, unknown>>);
  const codes = rows.map(({ code }) => code);
  return rows.flatMap(({ code, class: weighs, outcome }, index) => {
    const fault = (column: string, value: unknown, what: string): string =>
      `codes[${index}].${column} is ${value === undefined ? "missing" : shown(value)}, must be ${what}`;
    const isJudged = (outcome ?? null) !== null;
    return [
      ...(typeof code === "number" && codes.indexOf(code) < index
        ? [fault("code", code, "a code that stands in one row only")]
        : []),
      ...(weighs !== undefined && weighs !== "none" && !isJudged
        ? [fault("outcome", outcome, `${oneOfThese(OUTCOMES_OF_CODES)}, because the row has a class`)]
        : []),
      ...(weighs === undefined && isJudged
        ? [fault("class", weighs, `${oneOfThese(CLASSES)}, because the row has an outcome`)]
        : []),
    ];
  });
}
