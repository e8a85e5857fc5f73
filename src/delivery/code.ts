/**
 * What is known about one internal status code, the number in
 * `X-Internal-Status-Code`. The rows are data in `catalogue/`; this file says
 * what each column means.
 */
import type { Outcome } from "./verdict.ts";

/** The name of the catalogue's own table, which explains the codes of every peer whose entry names no other. */
export const VENDORS_TABLE = "bandwidth";

/** For a peer whose codes are explained by no table. Its reasons have this as their `catalogueVersion`. */
export const NO_TABLE = "none";

/**
 * How a code weighs against the status beside it, in the precedence table.
 *
 * - `none`: no error (0, "ok").
 * - `buffered`: accepted and kept, not yet delivered (2).
 * - `receipt`: only the receipt is missing, nothing is known about the message (902).
 * - `soft`: a fault that may have passed when the message is sent again.
 * - `retries-exceeded`: the retries are used up (201).
 * - `hard`: a definite failure.
 * - `carrier-service`: a definite failure inside the destination carrier (6xx).
 * - `ambiguous`: a failure nobody could name (999).
 * - `out-of-range`: a number outside every range in use, which is not judged.
 * - `not-judged`: the peer's table does not say how it weighs, or there is none.
 */
export type CodeClass =
  | "none"
  | "buffered"
  | "receipt"
  | "soft"
  | "retries-exceeded"
  | "hard"
  | "carrier-service"
  | "ambiguous"
  | "out-of-range"
  | "not-judged";

/**
 * A number that the event's JSON Schema calls an integer.
 * @asType integer
 */
export type WholeNumber = number;

export type Fault = "client" | "service" | "ambiguous";
export type Reporter = "bandwidth" | "carrier";
export type CodeTag = "opt-out" | "spam" | "receipt-timeout";

/** One row of a table of codes: facts of the vendor's table, our words, and our judgement. */
export interface CodeEntry {
  /** The internal status code; 0 to 999 for a listed one. */
  readonly code: WholeNumber;
  /** The vendor's name for it. Not a key: 304 and 305 share one. */
  readonly name: string;
  /** Whether the peer's table lists this number; `false` for a row made from its hundreds, and without a table. */
  readonly known: boolean;
  /** Whether Bandwidth's MM4 table explains the code. */
  readonly documented: boolean;
  /** One or two sentences for a person: what happened. Never empty. */
  readonly explanation: string;
  /** One or two sentences for a person: what to do. Never empty. */
  readonly remedy: string;
  readonly fault: Fault | null;
  readonly reportedBy: Reporter | null;
  readonly class: CodeClass;
  /** What the code says happened when there is no status beside it; null when it says nothing. */
  readonly outcome: Outcome | null;
  /** Who refused, as far as the code alone tells. */
  readonly rejectedBy: Reporter | null;
  /** May the sender's application send the message again unchanged? */
  readonly retryable: boolean;
  /** How often at most: 0 when not retryable, null when no source sets a bound. */
  readonly maxRetries: WholeNumber | null;
  /** Never send to this recipient again. */
  readonly suppress: boolean;
  readonly tag: CodeTag | null;
  /** The four-digit code that Bandwidth's HTTP API uses for it, where there is one. */
  readonly httpCode: WholeNumber | null;
  /** The page this row comes from. */
  readonly source: string;
}
