/**
 * Splits a list of addresses, whatever separates them.
 *
 * Sources: RFC 5322 §3.4 (commas); 3GPP TS 23.140 §8.4.1 (request recipients).
 */

export interface AddressList {
  /** As written, trimmed, without empty ones. No digit of the list is lost, unless there are more addresses than asked for. */
  readonly addresses: readonly string[];
  /** Whether anything but a comma separates some of them. */
  readonly withoutCommas: boolean;
}

/**
 * The first `most` addresses of a list. Splits at commas outside quotes and angle
 * brackets; and at a semicolon, a bar, a blank or a dot, when there certainly is an
 * address on both sides. When that is not certain nothing is split: then the whole
 * is unreadable, and gets its warning.
 *
 * Seen in practice: twenty recipients in one folded To; recipients joined by dots
 * (mmsgw), by semicolons, by blanks, one a line.
 */
export function splitAddresses(list: string, most = Number.POSITIVE_INFINITY): AddressList {
  const addresses: string[] = [];
  let withoutCommas = false;
  for (const piece of splitAtCommas(list, most)) {
    if (addresses.length >= most) break;
    const found = splitPiece(piece, most);
    withoutCommas ||= found.length > 1;
    addresses.push(...found);
  }
  return { addresses: addresses.slice(0, most), withoutCommas };
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

/** A single address keeps the text around it; several are cut apart, up to one more than `most`. */
function splitPiece(piece: string, most: number): readonly string[] {
  if (!(MAY_BE_JOINED.test(piece) || hasPairs(piece)) || IN_GROUPS.test(piece)) return [piece];
  const addresses: string[] = [];
  let start = 0;
  let end = 0;
  let held = NOTHING;
  for (const word of wordsOf(piece)) {
    if (beginsAnother(held, word)) {
      addresses.push(piece.slice(start, end));
      if (addresses.length > most) return addresses;
      start = word.from;
      held = NOTHING;
    }
    held = heldWith(held, word);
    end = word.to;
  }
  return [...addresses, piece.slice(start)];
}

/** Most addresses match nothing of this, and need no further look. */
const MAY_BE_JOINED = /[\s;|]|\.\+|\/TYPE=[a-z0-9]+\./i;
/** A number in groups, as people write it: `+1 202 555 0101`. Its end cannot be told. */
const IN_GROUPS = /\+\d{1,6}[\s;|]+[\d().-]+(?=[\s;|]|$)/;

/** Whether an angle bracket opens after one has closed. */
function hasPairs(piece: string): boolean {
  const close = piece.indexOf(">");
  return close !== -1 && piece.lastIndexOf("<") > close;
}

interface Word {
  readonly from: number;
  readonly to: number;
  /** The separator before it; a blank when there is no other. */
  readonly separator: string;
  readonly kind: /** `<…>`, with or without text before it. */
    | "bracketed"
    /** It has a domain or a type, and is complete. */
    | "closed"
    /** "+" and the digits of a whole number. */
    | "plus"
    | "digits"
    /** A part that a blank has cut off an address: `/TYPE=PLMN`, `@host`. */
    | "rest"
    /** It ends within `/TYPE=PLMN`, so the next word belongs to it. */
    | "open"
    | "other";
  /** How many digits it begins with. */
  readonly digits: number;
}

/** The part of an address that the words since the last split make. */
interface Held {
  readonly as: "nothing" | "number" | "closed" | "bracketed" | "open";
  readonly digits: number;
}

const NOTHING: Held = { as: "nothing", digits: 0 };
/** ITU-T E.164: a number has no more digits than these. */
const MOST_DIGITS = 15;
const LEAST_DIGITS = 7;
/** Fewer digits may be a request status in numbers. */
const LEAST_OF_SHORT_CODE = 4;

/** Whether a word begins the next address. */
function beginsAnother(held: Held, { kind, digits, separator }: Word): boolean {
  if (held.as === "nothing" || kind === "rest" || kind === "other") return false;
  if (kind === "plus") return true;
  if (held.as === "open" && digits === 0 && kind !== "bracketed") return false;
  const isWhole = held.as !== "number" || separator !== " ";
  switch (kind) {
    case "bracketed":
      // A word before a bracket is its display name.
      return held.as === "bracketed" || separator !== " ";
    case "digits":
      return isWhole ? digits >= LEAST_OF_SHORT_CODE : held.digits + digits > MOST_DIGITS;
    case "open":
    case "closed":
      // A blank may also stand within one number; only the count of digits can tell.
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
    case "open":
      return { as: "open", digits };
    case "rest":
      return held.as === "nothing" ? held : { ...held, as: "closed" };
    case "plus":
      return { as: "number", digits };
    case "digits":
      return held.as === "nothing" || held.as === "number" ? { as: "number", digits: held.digits + digits } : held;
    case "other":
      return held.as === "open" ? { ...held, as: "closed" } : held;
  }
}

/** The words between separators; separators in quotes, angle brackets and comments do not count. */
function* wordsOf(piece: string): Generator<Word> {
  const lastOpen = piece.lastIndexOf("<");
  let from = -1;
  let separator = " ";
  let quoted = false;
  let bracketed = false;
  let depth = 0;
  /** Whether we are in the letters after "/TYPE=". */
  let typed = false;
  const end = (to: number): readonly Word[] => {
    const word = from === -1 ? [] : [{ from, to, separator, ...describe(piece.slice(from, to)) }];
    if (from !== -1) separator = " ";
    from = -1;
    typed = false;
    return word;
  };
  for (let i = 0; i < piece.length; i++) {
    const char = piece.charCodeAt(i);
    if (!quoted && !bracketed && depth === 0 && separates(piece, i, typed)) {
      yield* end(i);
      if (!isBlank(char)) separator = piece.charAt(i);
      continue;
    }
    if (from === -1) from = i;
    if (char === CHAR['"']) quoted = !quoted;
    else if (!quoted && char === CHAR["<"]) bracketed = true;
    else if (!quoted && char === CHAR[">"]) {
      bracketed = false;
      // Two pairs of angle brackets are two addresses, whatever stands between them.
      if (depth === 0 && i < lastOpen) yield* end(i + 1);
    } else if (!quoted && char === CHAR["("]) depth += 1;
    else if (!quoted && char === CHAR[")"]) depth = Math.max(0, depth - 1);
    if (char === CHAR["="]) typed = piece.slice(Math.max(0, i - 5), i).toUpperCase() === "/TYPE";
    else if (typed) typed = /[a-z0-9]/i.test(piece.charAt(i));
  }
  yield* end(piece.length);
}

/** Numbers, not texts, because every character that a peer sends is compared. */
const CHAR = {
  "\t": 0x09,
  "\n": 0x0a,
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

/** A dot separates only where no domain or mailbox can continue: before a "+" with digits, and after a type. */
function separates(piece: string, at: number, typed: boolean): boolean {
  const char = piece.charCodeAt(at);
  if (isBlank(char) || char === CHAR[";"] || char === CHAR["|"]) return true;
  if (char !== CHAR["."]) return false;
  if (piece.charCodeAt(at + 1) === CHAR["+"]) return isDigit(piece.charCodeAt(at + 2));
  return typed && /^[\d\s<"]?$/.test(piece.charAt(at + 1));
}

/** A line feed marks a fold of the field. */
function isBlank(char: number): boolean {
  return char === CHAR[" "] || char === CHAR["\t"] || char === CHAR["\n"];
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
  if (digits > 0 && endsWithinType(word)) return { kind: "open", digits };
  if (word.includes("@") || (word.includes("=") && /\/TYPE=/i.test(word))) return { kind: "closed", digits };
  if (plus && digits >= LEAST_DIGITS) return { kind: "plus", digits };
  return { kind: digits > 0 && digits === word.length ? "digits" : "other", digits };
}

/** `/`, `/TY`, `/TYPE=`, `/TYPE=PL`: a relay has folded the line there. */
function endsWithinType(word: string): boolean {
  const slash = word.lastIndexOf("/");
  const type = word.slice(slash).toUpperCase();
  return slash !== -1 && type !== PLMN && PLMN.startsWith(type);
}

const PLMN = "/TYPE=PLMN";
