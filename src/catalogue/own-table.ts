/** A peer's own table of codes, and what is said of the codes of a peer that has none. */
import { BOUNDS } from "../bounds/bounds.ts";
import { type CodeEntry, NO_TABLE } from "../delivery/code.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Overlay } from "./overlay.ts";

/** What is not said in a row: nothing is taken from another vendor's table. */
type Unsaid = Omit<CodeEntry, "code" | "name" | "known">;

const UNSAID: Omit<Unsaid, "explanation" | "remedy" | "source"> = {
  documented: false,
  fault: null,
  reportedBy: null,
  class: "not-judged",
  outcome: null,
  rejectedBy: null,
  retryable: false,
  maxRetries: null,
  suppress: false,
  tag: null,
  httpCode: null,
};
const REMEDY = "Go by the status beside it. Ask the peer what the code means, with the code and the message id.";

const IN_TABLE: Unsaid = {
  ...UNSAID,
  explanation: "The peer's own table lists this code and does not explain it.",
  remedy: "The peer's own table gives no advice for it. Go by the outcome.",
  source: "The peer's own table",
};
const NOT_IN_TABLE: Unsaid = {
  ...UNSAID,
  explanation: "The peer's own table does not list this code, so the status alone was judged.",
  remedy: REMEDY,
  source: "None",
};
const WITHOUT_TABLE: Unsaid = {
  ...UNSAID,
  explanation: "The codes of this peer have no table here, so the status alone was judged.",
  remedy: REMEDY,
  source: "None",
};

/**
 * The table of a file, alone. A row that says nothing of how its code is judged explains the code, and leaves the
 * verdict to the status.
 */
export function createOwnTable({ codes, precedence }: Overlay): Catalogue {
  const byCode = new Map(
    codes.map((row) => [row.code, { ...IN_TABLE, name: String(row.code), ...row, known: true }] as const),
  );
  const unlisted = entriesOf(NOT_IN_TABLE);
  return {
    version: "own",
    vendor: null,
    entries: [...byCode.values()].sort((a, b) => a.code - b.code),
    findCode(code, httpCode = null) {
      const entry = byCode.get(code) ?? unlisted(code);
      return httpCode === null ? entry : { ...entry, httpCode };
    },
    precedence,
  };
}

/** For a peer whose codes are explained by no table: a code is told as it is written, and takes no part in the verdict. */
export function createNoTable(): Catalogue {
  const unlisted = entriesOf(WITHOUT_TABLE);
  return {
    version: NO_TABLE,
    vendor: null,
    entries: [],
    findCode: (code, httpCode = null) => unlisted(httpCode ?? code),
    precedence: [],
  };
}

/** Makes the entries of numbers that no row lists, and keeps the first of them, because the same ones come again and again. */
function entriesOf(unsaid: Unsaid): (code: number) => CodeEntry {
  const kept = new Map<number, CodeEntry>();
  return (code) => {
    const known = kept.get(code);
    if (known) return known;
    const entry = { ...unsaid, code, name: String(code), known: false };
    if (kept.size < BOUNDS.codesKept.value) kept.set(code, entry);
    return entry;
  };
}
