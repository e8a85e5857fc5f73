/** Finds the digits of known numbers in a text, all at once and in one pass over it. */

/** A tree of digits: `next` has ten places a node, of which 0 leads nowhere; `ends` tells where a number ends. */
export interface KnownDigits {
  readonly next: Int16Array;
  readonly ends: Uint8Array;
}

const BASE = 10;
const ZERO = "0".charCodeAt(0);
/** Between two digits of a number: blanks, brackets, dots and hyphens, so many at most. */
const SEPARATORS = new Set([..." ().-"].map((char) => char.charCodeAt(0)));
const MAX_SEPARATORS = 2;

export function knownDigits(numbers: ReadonlySet<string>): KnownDigits {
  const nodes = [...numbers].reduce((sum, number) => sum + number.length, 1);
  const next = new Int16Array(nodes * BASE);
  const ends = new Uint8Array(nodes);
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
    ends[node] = 1;
  }
  return { next, ends };
}

/** Where digits of known numbers stand, in order, but for the last `shown` of each. */
export function placesOfKnown(text: string, known: KnownDigits, shown: number): readonly number[] {
  const found: number[] = [];
  if (known.ends.length === 1) return found;
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

/** Of numbers that overlap, all that either hides is hidden. */
function findInRun(
  text: string,
  run: readonly number[],
  { next, ends }: KnownDigits,
  shown: number,
  found: number[],
): void {
  let hiddenUntil = 0;
  for (let start = 0; start < run.length; start += 1) {
    let node = 0;
    for (let i = start; i < run.length; i += 1) {
      node = next[node * BASE + text.charCodeAt(run[i] ?? 0) - ZERO] ?? 0;
      if (node === 0) break;
      if (ends[node] === 1) hiddenUntil = Math.max(hiddenUntil, i + 1 - shown);
    }
    if (start < hiddenUntil) found.push(run[start] ?? 0);
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code < ZERO + BASE;
}
