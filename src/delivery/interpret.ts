/**
 * Judges a report: what happened to the message, and is that the last word?
 *
 *   statuses + codes → the one status, the one code → precedence row → verdict
 *
 * Pure. The catalogue's rows are handed in, because `delivery/` does not know
 * whose codes they are.
 */
import type { CodeEntry } from "./code.ts";
import { codeIdentity, readCode } from "./code-value.ts";
import type { PeerRules } from "./peer-rules.ts";
import { findPrecedence, type JudgedClass, type PrecedenceRow } from "./precedence.ts";
import type { Report } from "./report.ts";
import {
  ABSENT_STATUS,
  findMmStatus,
  findReadStatus,
  isNumeric,
  normaliseWord,
  readRequestStatus,
  STATUS_EXTENSIONS,
  type StatusRule,
  UNFAMILIAR_STATUS,
} from "./status.ts";
import type { RejectedBy, Verdict } from "./verdict.ts";
import type { Warning } from "./warning.ts";

/** What judging must know about codes: the table that the peer uses. */
export interface CodeKnowledge {
  /** Looks a number up. When the table has no row, the entry has `known: false`. */
  readonly findCode: (code: number, httpCode: number | null) => CodeEntry;
  /** An operator's precedence rows, tried before ours. */
  readonly precedence: readonly PrecedenceRow[];
}

export interface Judgement {
  readonly verdict: Verdict;
  /** The status that was judged, as written; null when there is none. */
  readonly status: string | null;
  /** The folded code, even if it was not judged; null when there is none. */
  readonly code: number | null;
  /** The code as part of the event's id. */
  readonly codeIdentity: string;
  /** What the peer's table says about the code; null when there is no code that is a number. */
  readonly entry: CodeEntry | null;
  readonly warnings: readonly Warning[];
}

/**
 * `chooseBy`: which of several codes is taken is decided by this table, the same for all peers, because the event's id
 * depends on it.
 */
export function interpret(
  report: Report,
  rules: PeerRules,
  knowledge: CodeKnowledge,
  chooseBy: Pick<CodeKnowledge, "findCode">,
): Judgement {
  const warnings: Warning[] = [];
  const code = chooseCode(report.codes, knowledge, chooseBy, warnings);
  const status = chooseStatus(report, warnings);
  if (status === null) warnings.push("missing-status");

  const judged: Judged = { report, rules, knowledge, status, entry: code.entry, warnings };
  const verdict = JUDGES[report.kind](judged);
  return {
    verdict: statusesDiffer(report) ? { ...verdict, conflict: true } : verdict,
    status,
    code: code.number,
    codeIdentity: code.identity,
    entry: code.entry,
    warnings,
  };
}

interface Judged {
  readonly report: Report;
  readonly rules: PeerRules;
  readonly knowledge: CodeKnowledge;
  readonly status: string | null;
  readonly entry: CodeEntry | null;
  readonly warnings: Warning[];
}

const JUDGES: Record<Report["kind"], (judged: Judged) => Verdict> = {
  "delivery-report": judgeDeliveryReport,
  "forward-response": judgeForwardResponse,
  "read-report": judgeReadReport,
};

function judgeDeliveryReport({ report, rules, knowledge, status, entry, warnings }: Judged): Verdict {
  const rule = status === null ? ABSENT_STATUS : (findMmStatus(status) ?? UNFAMILIAR_STATUS);
  if (rule.family === "unfamiliar") warnings.push("unknown-status");
  else if (status !== null && isNumeric(status)) warnings.push("numeric-status");
  const rejectedBy = rule.family === "rejected" ? readExtension(report.statusExtension, warnings) : null;

  const { winner, conflict } = findPrecedence(rule.family, judgedClass(entry), knowledge.precedence);
  if (winner === "status") return statusAlone(rule, { rejectedBy, rules, conflict });
  if (winner === "status-caused-by-code")
    return statusAlone(rule, { rejectedBy: entry?.rejectedBy ?? null, rules, conflict });
  if (winner !== "code") return { ...winner, rejectedBy: null, conflict };

  const verdict = codeAlone(entry);
  // Row 14: no code knows more than that the user refused.
  if (rejectedBy === "recipient") return { ...verdict, outcome: "rejected", rejectedBy, conflict };
  return { ...verdict, conflict };
}

/**
 * 3GPP TS 23.140 §8.4.1: how the peer answered a request to forward. Success reaches
 * only as far as the carrier. An undocumented word counts as no status, so the code decides.
 */
function judgeForwardResponse({ report, status, entry, warnings }: Judged): Verdict {
  const read = status === null ? null : readRequestStatus(status);
  const ofRecipients = report.requestRecipients.flatMap((recipient) => recipient.status ?? []);
  if ((read && !read.known) || ofRecipients.some((said) => !readRequestStatus(said).known))
    warnings.push("unknown-request-status");
  if (status !== null && isNumeric(status)) warnings.push("numeric-status");
  const request = read === null || read.status === "unknown" ? null : read.status;

  const codeClass = judgedClass(entry);
  if (codeClass !== "absent" && codeClass !== "none") {
    const verdict = codeAlone(entry);
    return { ...verdict, conflict: request === "ok" && verdict.disposition === "failure" };
  }
  // An explicit 0 beside an explicit error: as in row 4 of the precedence table.
  const conflict = request !== null && request !== "ok" && codeClass === "none";
  const base = { stage: null, rejectedBy: null, conflict };
  if (request === "transient") return { ...base, outcome: "failed", disposition: "failure", final: false };
  if (request === "error") return { ...base, outcome: "rejected", disposition: "failure", final: true };
  if (request === null && codeClass === "absent") return { ...UNKNOWN, conflict };
  return { ...base, outcome: "forwarded", disposition: "success", final: false, stage: "carrier" };
}

/** 3GPP TS 23.140 §8.4.3. An internal status code is explained, but a read report is judged by its status alone. */
function judgeReadReport({ status, warnings }: Judged): Verdict {
  const outcome = status === null ? undefined : findReadStatus(status);
  if (outcome === undefined) {
    if (status !== null) warnings.push("unknown-status");
    return UNKNOWN;
  }
  if (status !== null && isNumeric(status)) warnings.push("numeric-status");
  return { outcome, disposition: "success", final: true, stage: "handset", rejectedBy: null, conflict: false };
}

const UNKNOWN: Verdict = {
  outcome: "unknown",
  disposition: "unknown",
  final: false,
  stage: null,
  rejectedBy: null,
  conflict: false,
};

interface Circumstances extends Pick<Verdict, "rejectedBy" | "conflict"> {
  readonly rules: PeerRules;
}

function statusAlone(rule: StatusRule, { rules, rejectedBy, conflict }: Circumstances): Verdict {
  const { outcome, disposition, family } = rule;
  return {
    outcome,
    disposition,
    final: rule.final || (family === "forwarded" && rules.forwardedIsFinal),
    stage: family === "retrieved" && rules.localLongCode ? "carrier" : rule.stage,
    rejectedBy,
    conflict,
  };
}

/** What a code says by itself. */
function codeAlone(entry: CodeEntry | null): Verdict {
  const outcome = entry?.outcome;
  if (!entry || !outcome) return UNKNOWN;
  const disposition = entry.class === "buffered" ? "pending" : entry.class === "receipt" ? "unknown" : "failure";
  const final = entry.class !== "buffered";
  return { outcome, disposition, final, stage: null, rejectedBy: entry.rejectedBy, conflict: false };
}

function judgedClass(entry: CodeEntry | null): JudgedClass {
  if (entry === null || entry.class === "out-of-range" || entry.class === "not-judged") return "absent";
  return entry.class;
}

function readExtension(extension: string | null, warnings: Warning[]): RejectedBy | null {
  if (extension === null) return null;
  const word = normaliseWord(extension);
  const found = STATUS_EXTENSIONS.find(({ contains }) => word.includes(contains));
  if (!found) warnings.push("unknown-status-extension");
  return found?.rejectedBy ?? null;
}

/** The last failure among several values; when none is a failure, the last value. */
function chooseLast<T>(values: readonly T[], failure: (value: T) => boolean): T | undefined {
  return values.length > 1 ? (values.findLast(failure) ?? values.at(-1)) : values[0];
}

function chooseStatus(report: Report, warnings: Warning[]): string | null {
  if (statusesDiffer(report)) warnings.push("duplicate-status");
  return chooseLast(report.statuses, (status) => isFailure(report.kind, status)) ?? null;
}

function isFailure(kind: Report["kind"], status: string): boolean {
  if (kind === "delivery-report") return findMmStatus(status)?.disposition === "failure";
  if (kind === "read-report") return false;
  const { status: said } = readRequestStatus(status);
  return said === "transient" || said === "error";
}

function statusesDiffer({ kind, statuses, rivalStatuses }: Report): boolean {
  if (statuses.length + rivalStatuses.length < 2) return false;
  const words = [...statuses, ...rivalStatuses].map((status) => wordOf(kind, status));
  return new Set(words).size > 1;
}

/** The word of a status. A number is the same status as the word that it stands for. */
function wordOf(kind: Report["kind"], status: string): string {
  const word = normaliseWord(status);
  if (!isNumeric(status)) return word;
  if (kind === "delivery-report") return findMmStatus(status)?.words[0] ?? word;
  if (kind === "read-report") return findReadStatus(status) ?? word;
  return readRequestStatus(status).status === "ok" ? "ok" : word;
}

interface ChosenCode {
  readonly number: number | null;
  readonly identity: string;
  readonly entry: CodeEntry | null;
}

function chooseCode(
  codes: readonly string[],
  { findCode }: CodeKnowledge,
  chooseBy: Pick<CodeKnowledge, "findCode">,
  warnings: Warning[],
): ChosenCode {
  const readings = codes.map(readCode);
  const several = readings.length > 1 && new Set(readings.map(codeIdentity)).size > 1;
  if (several) warnings.push("duplicate-code");

  const chosen = chooseLast(readings, ({ number, httpCode }) => {
    return number !== null && codeAlone(chooseBy.findCode(number, httpCode)).disposition === "failure";
  });
  if (!chosen) return { number: null, identity: "", entry: null };
  const { number, httpCode } = chosen;
  const entry = number === null ? null : findCode(number, httpCode);
  // A table that knows no HTTP form takes the number as it is written.
  const isFolded = httpCode !== null && entry?.code === number;
  warnings.push(...chosen.warnings.filter((warning) => isFolded || warning !== "code-in-http-form"));
  if (entry?.class === "out-of-range") warnings.push("code-out-of-range");
  return { number, identity: codeIdentity(chosen), entry };
}
