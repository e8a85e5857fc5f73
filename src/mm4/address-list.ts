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

/** One address keeps whatever stands around it; of several each is cut out, up to one more than `most`. */
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

/** What most addresses have nothing of. */
const MAY_BE_JOINED = /[\s;|]|\.\+|\/TYPE=[a-z0-9]+\./i;
/** A number as people write it, `+1 202 555 0101`: where it ends nobody can tell. */
const IN_GROUPS = /\+\d{1,6}[\s;|]+[\d().-]+(?=[\s;|]|$)/;

/** Whether angle brackets open behind some that close. */
function hasPairs(piece: string): boolean {
  const close = piece.indexOf(">");
  return close !== -1 && piece.lastIndexOf("<") > close;
}

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
    /** Ends within `/TYPE=PLMN`: the next word belongs to it. */
    | "open"
    | "other";
  /** How many it begins with. */
  readonly digits: number;
}

/** What the words since the last split make of an address. */
interface Held {
  readonly as: "nothing" | "number" | "closed" | "bracketed" | "open";
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
  if (held.as === "open" && digits === 0 && kind !== "bracketed") return false;
  const isWhole = held.as !== "number" || separator !== " ";
  switch (kind) {
    case "bracketed":
      // What stands before it is its display name.
      return held.as === "bracketed" || separator !== " ";
    case "digits":
      return isWhole ? digits >= LEAST_OF_SHORT_CODE : held.digits + digits > MOST_DIGITS;
    case "open":
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

/** What separators outside quotes, angle brackets and comments leave. */
function* wordsOf(piece: string): Generator<Word> {
  const lastOpen = piece.lastIndexOf("<");
  let from = -1;
  let separator = " ";
  let quoted = false;
  let bracketed = false;
  let depth = 0;
  /** Within the letters behind "/TYPE=". */
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
      // Whatever stands between two pairs of angle brackets, they are two addresses.
      if (depth === 0 && i < lastOpen) yield* end(i + 1);
    } else if (!quoted && char === CHAR["("]) depth += 1;
    else if (!quoted && char === CHAR[")"]) depth = Math.max(0, depth - 1);
    if (char === CHAR["="]) typed = piece.slice(Math.max(0, i - 5), i).toUpperCase() === "/TYPE";
    else if (typed) typed = /[a-z0-9]/i.test(piece.charAt(i));
  }
  yield* end(piece.length);
}

/** By their numbers, because every character of whatever a peer sends is compared. */
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

/** A dot separates only where no domain or mailbox can go on: before a "+" with digits, and behind a type. */
function separates(piece: string, at: number, typed: boolean): boolean {
  const char = piece.charCodeAt(at);
  if (isBlank(char) || char === CHAR[";"] || char === CHAR["|"]) return true;
  if (char !== CHAR["."]) return false;
  if (piece.charCodeAt(at + 1) === CHAR["+"]) return isDigit(piece.charCodeAt(at + 2));
  return typed && /^[\d\s<"]?$/.test(piece.charAt(at + 1));
}

/** A line feed is where the field was folded. */
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

/** `/`, `/TY`, `/TYPE=`, `/TYPE=PL`: a relay has folded there. */
function endsWithinType(word: string): boolean {
  const slash = word.lastIndexOf("/");
  const type = word.slice(slash).toUpperCase();
  return slash !== -1 && type !== PLMN && PLMN.startsWith(type);
}

const PLMN = "/TYPE=PLMN";
