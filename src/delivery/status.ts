/**
 * The words that say what became of an MM, and what each means by itself.
 *
 * Sources: 3GPP TS 23.140 §8.4.2 (MM status), §8.4.1 (request status), §8.4.3
 * (read status); RFC 4356 table 4; the aggregators' own pages for NotSupported,
 * Unreachable and the American meaning of Forwarded.
 */
import type { Disposition, Outcome, RejectedBy, Stage } from "./verdict.ts";

/** Statuses that the precedence table treats alike. */
export type StatusFamily =
  | "retrieved"
  | "forwarded"
  | "deferred"
  | "indeterminate"
  | "expired"
  | "rejected"
  | "other-negative"
  | "unfamiliar"
  | "absent";

export interface StatusRule {
  /** Spellings, as {@link normaliseWord} leaves them. */
  readonly words: readonly string[];
  readonly family: StatusFamily;
  readonly outcome: Outcome;
  readonly disposition: Disposition;
  readonly stage: Stage | null;
  readonly final: boolean;
}

// biome-ignore format: a table
export const MM_STATUSES: readonly StatusRule[] = [
  { words: ["retrieved"],                    family: "retrieved",      outcome: "delivered",     disposition: "success", stage: "handset", final: true  },
  { words: ["forwarded"],                    family: "forwarded",      outcome: "forwarded",     disposition: "success", stage: "carrier", final: false },
  { words: ["deferred", "forwardedtommbox"], family: "deferred",       outcome: "deferred",      disposition: "pending", stage: null,      final: false },
  { words: ["expired"],                      family: "expired",        outcome: "expired",       disposition: "failure", stage: null,      final: true  },
  { words: ["rejected"],                     family: "rejected",       outcome: "rejected",      disposition: "failure", stage: null,      final: true  },
  { words: ["unrecognised", "unrecognized", "notsupported"],
                                             family: "other-negative", outcome: "unrecognised",  disposition: "failure", stage: null,      final: true  },
  { words: ["unreachable"],                  family: "other-negative", outcome: "failed",        disposition: "failure", stage: null,      final: true  },
  { words: ["indeterminate", "unknown"],     family: "indeterminate",  outcome: "indeterminate", disposition: "unknown", stage: null,      final: true  },
];

/** An undocumented status: never guessed at, never dropped. */
export const UNFAMILIAR_STATUS: StatusRule = {
  words: [],
  family: "unfamiliar",
  outcome: "unknown",
  disposition: "unknown",
  stage: null,
  final: false,
};

export const ABSENT_STATUS: StatusRule = { ...UNFAMILIAR_STATUS, family: "absent" };

/** Who rejected, by what the status extension contains. First match wins. 3GPP TS 23.140 §8.4.2. */
export const STATUS_EXTENSIONS: readonly { readonly contains: string; readonly rejectedBy: RejectedBy | null }[] = [
  { contains: "recipient", rejectedBy: "recipient" },
  { contains: "other", rejectedBy: "network" },
  // Seen in practice: Rejected-by-VAS-area-limit, which says why and not who.
  { contains: "arealimit", rejectedBy: null },
];

/**
 * The row for an MM status as it was written; undefined for an undocumented word.
 *
 * Seen in practice: the octet of MM1 as a decimal number, as in the other two statuses.
 */
export function findMmStatus(written: string): StatusRule | undefined {
  const word = normaliseWord(written);
  return BY_WORD.get(OMA_STATUSES.get(word) ?? word);
}

const BY_WORD = new Map(MM_STATUSES.flatMap((rule) => rule.words.map((word) => [word, rule] as const)));

/** X-Mms-Status of OMA MMS Encapsulation. */
const OMA_STATUSES: ReadonlyMap<string, string> = new Map([
  ["128", "expired"],
  ["129", "retrieved"],
  ["130", "rejected"],
  ["131", "deferred"],
  ["132", "unrecognised"],
  ["133", "indeterminate"],
  ["134", "forwarded"],
  ["135", "unreachable"],
]);

/** `unknown`: the word says none of the others. */
export type RequestStatus = "ok" | "transient" | "error" | "unknown";

/** Request statuses of 3GPP TS 23.140 §8.4.1, besides the Error-transient- and Error-permanent- families. */
export const REQUEST_ERRORS: readonly string[] = [
  "errorunspecified",
  "errorservicedenied",
  "errormessageformatcorrupt",
  "errorsendingaddressunresolved",
  "errormessagenotfound",
  "errornetworkproblem",
  "errorcontentnotaccepted",
  "errorunsupportedmessage",
  "errortestfailed",
];

/**
 * What a request status says. An undocumented word has `known: false`. It is an error
 * if it begins with Error, as all errors of 3GPP TS 23.140 §8.4.1 do; otherwise it says
 * nothing, because a failure would be final even if the word meant none.
 *
 * Seen in practice: "0" for Ok; "Success"; the numbers of OMA MMS Encapsulation
 * §7.2.40: 128 Ok, 129 to 191 errors, 192 to 223 transient, from 224 permanent.
 */
export function readRequestStatus(written: string): { status: RequestStatus; known: boolean } {
  const word = normaliseWord(written);
  if (word === "ok" || word === "0" || word === "128") return { status: "ok", known: true };
  if (word.startsWith("errortransient")) return { status: "transient", known: true };
  if (word.startsWith("error")) {
    return { status: "error", known: word.startsWith("errorpermanent") || REQUEST_ERRORS.includes(word) };
  }
  const octet = /^\d{3}$/.test(word) ? Number(word) : 0;
  if (octet >= 192 && octet <= 223) return { status: "transient", known: true };
  if (octet >= 129 && octet <= 255) return { status: "error", known: true };
  return { status: "unknown", known: false };
}

/** Read statuses of 3GPP TS 23.140 §8.4.3, with OMA's numbers. */
const READ_STATUSES: ReadonlyMap<string, Outcome> = new Map([
  ["read", "read"],
  ["128", "read"],
  ["deletedwithoutbeingread", "deleted-unread"],
  ["129", "deleted-unread"],
]);

/** The outcome that a read status stands for; undefined for an undocumented word. */
export function findReadStatus(written: string): Outcome | undefined {
  return READ_STATUSES.get(normaliseWord(written));
}

/** Whether a status is written as a number. */
export function isNumeric(written: string): boolean {
  return /^\d+$/.test(normaliseWord(written));
}

/**
 * A status word for comparison: lower case, without quotes, blanks, hyphens and
 * underscores, because peers write both "Deleted without being read" and
 * "Deletedwithoutbeingread", and because a fold adds a blank.
 */
export function normaliseWord(written: string): string {
  return written.toLowerCase().replace(/["'\s_-]/g, "");
}
