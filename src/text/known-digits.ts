/**
 * Finds the digits of known numbers in a text. It reads the text once, however many
 * and however long the numbers are (Aho and Corasick, 1975).
 */

/**
 * A tree of digits. A node stands for the longest end of what has been read with which a
 * number begins. `next` has ten places for each node: the nodes to which the ten digits lead.
 * `longest` has for each node the length of the longest number that ends there; 0 for none.
 */
export interface KnownDigits {
  readonly next: Int32Array;
  readonly longest: Int32Array;
}

const BASE = 10;
const ZERO = "0".charCodeAt(0);
/** What may separate two digits of a number: blanks, brackets, dots and hyphens. */
const SEPARATORS = new Set([..." ().-"].map((char) => char.charCodeAt(0)));
const MAX_SEPARATORS = 2;

/** The tree of these numbers, each of digits only. */
export function knownDigits(numbers: ReadonlySet<string>): KnownDigits {
  const most = [...numbers].reduce((sum, number) => sum + number.length, 1);
  const next = new Int32Array(most * BASE);
  const longest = new Int32Array(most);
  let made = 1;
  for (const number of numbers) {
    let node = 0;
    for (let i = 0; i < number.length; i += 1) {
      const place = node * BASE + number.charCodeAt(i) - ZERO;
      if (next[place] === 0) {
        next[place] = made;
        made += 1;
      }
      node = next[place] ?? 0;
    }
    longest[node] = number.length;
  }
  const known = { next: next.subarray(0, made * BASE), longest: longest.subarray(0, made) };
  joinEnds(known);
  return known;
}

/**
 * Goes through the tree breadth first. Where no number goes on with a digit, the node goes on as
 * the longest shorter end of what was read does.
 */
function joinEnds({ next, longest }: KnownDigits): void {
  const ends = new Int32Array(longest.length);
  const queue = new Int32Array(longest.length);
  let added = 0;
  for (let digit = 0; digit < BASE; digit += 1) {
    const child = next[digit] ?? 0;
    if (child !== 0) queue[added++] = child;
  }
  for (let at = 0; at < added; at += 1) {
    const node = queue[at] ?? 0;
    const end = ends[node] ?? 0;
    longest[node] = Math.max(longest[node] ?? 0, longest[end] ?? 0);
    for (let digit = 0; digit < BASE; digit += 1) {
      const place = node * BASE + digit;
      const child = next[place] ?? 0;
      const ofEnd = next[end * BASE + digit] ?? 0;
      if (child === 0) next[place] = ofEnd;
      else {
        ends[child] = ofEnd;
        queue[added++] = child;
      }
    }
  }
}

/** The places of the digits of known numbers, in order, without the last `shown` digits of each number. */
export function placesOfKnown(text: string, known: KnownDigits, shown: number): readonly number[] {
  const found: number[] = [];
  if (known.longest.length === 1) return found;
  let run: number[] = [];
  let apart = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) {
      run.push(at);
      apart = 0;
    } else if (run.length > 0) {
      apart += 1;
      if (apart <= MAX_SEPARATORS && SEPARATORS.has(code)) continue;
      findInRun(text, run, known, shown, found);
      run = [];
      apart = 0;
    }
  }
  findInRun(text, run, known, shown, found);
  return found;
}

/** Where numbers overlap, a digit is hidden if either of them hides it. */
function findInRun(
  text: string,
  run: readonly number[],
  { next, longest }: KnownDigits,
  shown: number,
  found: number[],
): void {
  // The length of the longest number that ends at each digit.
  const lengths = new Int32Array(run.length);
  let node = 0;
  for (let i = 0; i < run.length; i += 1) {
    node = next[node * BASE + text.charCodeAt(run[i] ?? 0) - ZERO] ?? 0;
    lengths[i] = longest[node] ?? 0;
  }
  // Backwards, because a digit is hidden if a number begins at or before it and ends at least `shown` digits behind it.
  const before = found.length;
  let hiddenFrom = run.length;
  for (let i = run.length - 1 - shown; i >= 0; i -= 1) {
    const end = i + shown;
    const length = lengths[end] ?? 0;
    if (length > 0) hiddenFrom = Math.min(hiddenFrom, end + 1 - length);
    if (i >= hiddenFrom) found.push(run[i] ?? 0);
  }
  reverseFrom(found, before);
}

function reverseFrom(places: number[], start: number): void {
  for (let low = start, high = places.length - 1; low < high; low += 1, high -= 1) {
    [places[low], places[high]] = [places[high] ?? 0, places[low] ?? 0];
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code < ZERO + BASE;
}
