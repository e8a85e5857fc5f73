/**
 * How a code is judged: by its hundreds, with the exceptions by number.
 *
 * Sources: Bandwidth's HTTP errors page, where the first digit says who is at fault
 * and the second who reports. A code is its HTTP number without the thousands.
 * Retries by the same page: after a service fault of Bandwidth's a message may be
 * sent again, after a carrier's once, after a client's never.
 */
import type { CodeEntry } from "../delivery/code.ts";

/** The columns of a row that are our judgement and not the vendor's fact. */
export type CodeJudgement = Pick<
  CodeEntry,
  "class" | "outcome" | "rejectedBy" | "retryable" | "maxRetries" | "suppress" | "tag"
>;

/** Where each of these columns comes from. */
export const JUDGEMENT_SOURCES: Readonly<Record<keyof CodeJudgement | "httpCode" | "explanation" | "remedy", string>> =
  {
    class: "Our reading of the code's hundreds; weighs it in the precedence table",
    outcome: "Our reading of name and fault",
    rejectedBy: "Bandwidth MM4 table, column Reported By; the hundreds for rows without one",
    retryable: "Bandwidth HTTP errors page, retry advice by family; 475 and 775 from their explanation",
    maxRetries: "Bandwidth HTTP errors page: at most one retry of a carrier's service fault",
    suppress: "Bandwidth MM4 table, explanation of 475 and 775",
    tag: "Bandwidth MM4 table, names of 470, 475, 770, 775 and 902; old howto/smsDLR page for 187 to 189",
    httpCode: "Bandwidth HTTP errors page: the code plus 4000, 5000 or 9000",
    explanation: "Our words for the table's explanation; for rows without one, what the name says",
    remedy: "Our advice",
  };

interface Family {
  readonly hundreds: readonly number[];
  readonly judgement: CodeJudgement;
  readonly fault: CodeEntry["fault"];
  readonly reportedBy: CodeEntry["reportedBy"];
  /** For a number that no page lists. */
  readonly explanation: string;
  readonly remedy: string;
}

const NEVER = { retryable: false, maxRetries: 0, suppress: false, tag: null } as const;
const ONCE = { retryable: true, maxRetries: 1, suppress: false, tag: null } as const;
const FREELY = { retryable: true, maxRetries: null, suppress: false, tag: null } as const;

export const FAMILIES: readonly Family[] = [
  {
    hundreds: [1, 2, 5],
    judgement: { class: "soft", outcome: "failed", rejectedBy: null, ...FREELY },
    fault: "service",
    reportedBy: "bandwidth",
    explanation: "No page lists this number. Its hundreds are those of faults inside Bandwidth's own service.",
    remedy: "Send the message again later. Ask Bandwidth support for the meaning, with the code and the message id.",
  },
  {
    hundreds: [3, 4],
    judgement: { class: "hard", outcome: "rejected", rejectedBy: "bandwidth", ...NEVER },
    fault: "client",
    reportedBy: "bandwidth",
    explanation: "No page lists this number. Its hundreds are those of messages that Bandwidth refuses.",
    remedy: "Do not send it again unchanged. Ask Bandwidth support for the meaning, with the code and the message id.",
  },
  {
    hundreds: [6],
    judgement: { class: "carrier-service", outcome: "failed", rejectedBy: "carrier", ...ONCE },
    fault: "service",
    reportedBy: "carrier",
    explanation: "No page lists this number. Its hundreds are those of faults inside the destination carrier.",
    remedy: "One later attempt may succeed. Ask Bandwidth support for the meaning, with the code and the message id.",
  },
  {
    hundreds: [7],
    judgement: { class: "hard", outcome: "rejected", rejectedBy: "carrier", ...NEVER },
    fault: "client",
    reportedBy: "carrier",
    explanation: "No page lists this number. Its hundreds are those of messages that the destination carrier refuses.",
    remedy: "Do not send it again unchanged. Ask Bandwidth support for the meaning, with the code and the message id.",
  },
  {
    hundreds: [9],
    judgement: { class: "ambiguous", outcome: "failed", rejectedBy: null, ...ONCE },
    fault: "ambiguous",
    reportedBy: null,
    explanation: "No page lists this number. Its hundreds are those of results whose cause Bandwidth cannot tell.",
    remedy: "One later attempt may succeed. Ask Bandwidth support for the meaning, with the code and the message id.",
  },
];

const SPAM = { tag: "spam" } as const;
const OPT_OUT = { tag: "opt-out", suppress: true } as const;

/** Numbers that are judged otherwise than their hundreds. */
export const EXCEPTIONS: Readonly<Record<number, Partial<CodeJudgement>>> = {
  0: { class: "none", outcome: null, rejectedBy: null, ...NEVER },
  1: { class: "hard", outcome: "rejected", rejectedBy: "bandwidth", ...NEVER },
  2: { class: "buffered", outcome: "deferred", rejectedBy: null, ...NEVER },
  187: { class: "hard", outcome: "rejected", rejectedBy: "bandwidth", ...NEVER, ...SPAM },
  188: { class: "hard", outcome: "rejected", rejectedBy: "bandwidth", ...NEVER, ...SPAM },
  189: { class: "hard", outcome: "rejected", rejectedBy: "bandwidth", ...NEVER, ...SPAM },
  201: { class: "retries-exceeded", outcome: "expired" },
  231: { class: "hard" },
  242: { class: "hard", ...NEVER },
  470: SPAM,
  475: OPT_OUT,
  770: SPAM,
  775: OPT_OUT,
  902: { class: "receipt", outcome: "indeterminate", rejectedBy: null, ...NEVER, tag: "receipt-timeout" },
};

/** A number outside every range in use. It is reported, but not judged. */
export const OUT_OF_RANGE: CodeJudgement = { class: "out-of-range", outcome: null, rejectedBy: null, ...NEVER };

/** The family of a three-digit number; undefined for 0 to 99, 8xx and above 999. */
export function findFamily(code: number): Family | undefined {
  const hundreds = Math.floor(code / 100);
  return FAMILIES.find((family) => family.hundreds.includes(hundreds));
}

/** How a listed code is judged. */
export function judgeCode(code: number): CodeJudgement {
  return { ...OUT_OF_RANGE, ...findFamily(code)?.judgement, ...EXCEPTIONS[code] };
}
