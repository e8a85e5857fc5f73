/**
 * Splits a list of addresses, however it is joined.
 *
 * Sources: RFC 5322 §3.4 (commas); 3GPP TS 23.140 §8.4.1 (request recipients).
 */

export interface AddressList {
  /** As written, trimmed; empty ones left out. Every digit of the list stands in one of them, unless there are more. */
  readonly addresses: readonly string[];
  /** Whether some are joined by something else than a comma. */
  readonly withoutCommas: boolean;
}

/**
 * The first `most` addresses of a list. Splits at the commas that are outside quotes and angle brackets; and where a
 * semicolon, a bar, a blank or a dot stands between what are certainly two
 * addresses. Where that is not certain nothing is split: then the whole cannot
 * be read, and that is told.
 *
 * Seen in practice: twenty recipients in one folded To; recipients joined by dots
 * (mmsgw), by semicolons, by blanks, one a line.
 */
export function splitAddresses(list: string, most = Number.POSITIVE_INFINITY): AddressList {
  const pieces = splitAtCommas(list, most);
  const addresses = pieces.flatMap(splitPiece);
  return { addresses: addresses.slice(0, most), withoutCommas: addresses.length > pieces.length };
}

function splitAtCommas(list: string, most: number): readonly string[] {
  const pieces: string[] = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i <= list.length && pieces.length < most; i++) {
    const char = list[i];
    if (char === '"') quoted = !quoted;
    else if (char === "<" && !quoted) bracketed = true;
    else if (char === ">" && !quoted) bracketed = false;
    if (i === list.length || (char === "," && !quoted && !bracketed)) {
      const piece = list.slice(start, i).trim();
      if (piece !== "") pieces.push(piece);
      start = i + 1;
    }
  }
  return pieces;
}

/** One address keeps whatever stands around it; of several each is cut out. */
function splitPiece(piece: string): readonly string[] {
  if (!MAY_BE_JOINED.test(piece)) return [piece];
  const addresses: string[] = [];
  let start = 0;
  let end = 0;
  let held = NOTHING;
  for (const word of wordsOf(piece)) {
    if (beginsAnother(held, word)) {
      addresses.push(piece.slice(start, end));
      start = word.from;
      held = NOTHING;
    }
    held = heldWith(held, word);
    end = word.to;
  }
  return [...addresses, piece.slice(start)];
}

/** What most addresses have nothing of. */
const MAY_BE_JOINED = /[\s;|]|\.\+|><|\/TYPE=[a-z0-9]+\./i;

interface Word {
  readonly from: number;
  readonly to: number;
  /** What stands before it; a blank where nothing else does. */
  readonly separator: string;
  readonly kind: /** `<…>`, with or without something before it. */
    | "bracketed"
    /** With a domain or a type: nothing belongs to it any more. */
    | "closed"
    /** "+" and as many digits as a number has. */
    | "plus"
    | "digits"
    /** What a blank has cut off an address: `/TYPE=PLMN`, `@host`. */
    | "rest"
    | "other";
  /** How many it begins with. */
  readonly digits: number;
}

/** What the words since the last split make of an address. */
interface Held {
  readonly as: "nothing" | "number" | "closed" | "bracketed";
  readonly digits: number;
}

const NOTHING: Held = { as: "nothing", digits: 0 };
/** ITU-T E.164: more digits than these are not one number. */
const MOST_DIGITS = 15;
const LEAST_DIGITS = 7;
/** Fewer are the number of a request status. */
const LEAST_OF_SHORT_CODE = 4;

/** Whether a word begins another address than the one that is held. */
function beginsAnother(held: Held, { kind, digits, separator }: Word): boolean {
  if (held.as === "nothing" || kind === "rest" || kind === "other") return false;
  if (kind === "plus") return true;
  const isWhole = held.as !== "number" || separator !== " ";
  switch (kind) {
    case "bracketed":
      // What stands before it is its display name.
      return held.as === "bracketed" || separator !== " ";
    case "digits":
      return isWhole ? digits >= LEAST_OF_SHORT_CODE : held.digits + digits > MOST_DIGITS;
    case "closed":
      // A blank may stand within a number, and nobody can tell.
      if (isWhole) return true;
      return digits === 0 ? held.digits >= LEAST_DIGITS : held.digits + digits > MOST_DIGITS;
  }
}

function heldWith(held: Held, { kind, digits }: Word): Held {
  switch (kind) {
    case "bracketed":
      return { as: "bracketed", digits };
    case "closed":
      return { as: "closed", digits };
    case "rest":
      return held.as === "nothing" ? held : { ...held, as: "closed" };
    case "plus":
      return { as: "number", digits };
    case "digits":
      return held.as === "nothing" || held.as === "number" ? { as: "number", digits: held.digits + digits } : held;
    case "other":
      return held;
  }
}

/** What separators outside quotes, angle brackets and comments leave. */
function wordsOf(piece: string): readonly Word[] {
  const words: Word[] = [];
  let from = -1;
  let separator = " ";
  let quoted = false;
  let bracketed = false;
  let depth = 0;
  /** Within the letters behind "/TYPE=". */
  let typed = false;
  const end = (to: number): void => {
    if (from !== -1) {
      words.push({ from, to, separator, ...describe(piece.slice(from, to)) });
      separator = " ";
    }
    from = -1;
    typed = false;
  };
  for (let i = 0; i < piece.length; i++) {
    const char = piece.charCodeAt(i);
    if (!quoted && !bracketed && depth === 0 && separates(piece, i, typed)) {
      end(i);
      if (char !== CHAR[" "] && char !== CHAR["\t"]) separator = piece.charAt(i);
      continue;
    }
    if (char === CHAR["<"] && !quoted && piece.charCodeAt(i - 1) === CHAR[">"]) end(i);
    if (from === -1) from = i;
    if (char === CHAR['"']) quoted = !quoted;
    else if (!quoted && char === CHAR["<"]) bracketed = true;
    else if (!quoted && char === CHAR[">"]) bracketed = false;
    else if (!quoted && char === CHAR["("]) depth += 1;
    else if (!quoted && char === CHAR[")"]) depth = Math.max(0, depth - 1);
    if (char === CHAR["="]) typed = piece.slice(Math.max(0, i - 5), i).toUpperCase() === "/TYPE";
    else if (typed) typed = /[a-z0-9]/i.test(piece.charAt(i));
  }
  end(piece.length);
  return words;
}

/** By their numbers, because every character of whatever a peer sends is compared. */
const CHAR = {
  "\t": 0x09,
  " ": 0x20,
  '"': 0x22,
  "(": 0x28,
  ")": 0x29,
  "+": 0x2b,
  ".": 0x2e,
  "0": 0x30,
  "9": 0x39,
  ";": 0x3b,
  "<": 0x3c,
  "=": 0x3d,
  ">": 0x3e,
  "|": 0x7c,
} as const;

/** A dot separates only where no domain or mailbox can go on: before a "+" with digits, and behind a type. */
function separates(piece: string, at: number, typed: boolean): boolean {
  const char = piece.charCodeAt(at);
  if (char === CHAR[" "] || char === CHAR["\t"] || char === CHAR[";"] || char === CHAR["|"]) return true;
  if (char !== CHAR["."]) return false;
  if (piece.charCodeAt(at + 1) === CHAR["+"]) return isDigit(piece.charCodeAt(at + 2));
  return typed && /^[\d\s<"]?$/.test(piece.charAt(at + 1));
}

function isDigit(char: number): boolean {
  return char >= CHAR["0"] && char <= CHAR["9"];
}

function describe(word: string): Pick<Word, "kind" | "digits"> {
  let start = 0;
  while (word.charCodeAt(start) === CHAR["<"] || word.charCodeAt(start) === CHAR['"']) start += 1;
  const plus = word.charCodeAt(start) === CHAR["+"];
  if (plus) start += 1;
  let end = start;
  while (isDigit(word.charCodeAt(end))) end += 1;
  const digits = end - start;
  if (word.startsWith("(")) return { kind: "other", digits };
  if (word.startsWith("@") || /^\/TYPE=/i.test(word)) return { kind: "rest", digits };
  if (word.endsWith(">") && word.includes("<")) return { kind: "bracketed", digits };
  if (word.includes("@") || (word.includes("=") && /\/TYPE=/i.test(word))) return { kind: "closed", digits };
  if (plus && digits >= LEAST_DIGITS) return { kind: "plus", digits };
  return { kind: digits > 0 && digits === word.length ? "digits" : "other", digits };
}
