/** Whether work grows no faster than its size, on any machine. */

export interface Sized {
  /** In characters. */
  readonly size: number;
  readonly work: () => unknown;
}

/** Linear work takes as many scans for either, what is quadratic four times as many for the long one. */
const GROWTH = 2.5;
const RUNS = 5;
const ATTEMPTS = 3;

/**
 * Null when the work costs about as much a character on the long text as on one of a
 * quarter of its size; otherwise how much. What it costs is told in scans: in what it
 * takes to read as many characters once, in the same run on the same machine. Work of `cheap` scans is nobody's trouble, however it grows.
 */
export async function faultOf(long: Sized, quarter: () => Sized, cheap: number): Promise<string | null> {
  if ((await fastest(long.work, 1)) <= cheap * scanMs(long.size)) return null;
  const short = quarter();
  let told = "";
  // Another process may have had the machine's caches in between.
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const big = (await fastest(long.work, RUNS)) / scanMs(long.size);
    const small = (await fastest(short.work, RUNS)) / scanMs(short.size);
    if (big <= cheap || big <= GROWTH * small) return null;
    told = `${Math.round(small)} scans for ${short.size} characters, ${Math.round(big)} for ${long.size}`;
  }
  return told;
}

async function fastest(work: () => unknown, runs: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run += 1) {
    const beganMs = performance.now();
    await work();
    least = Math.min(least, performance.now() - beganMs);
  }
  return least;
}

/** What one scan of so many characters takes, in milliseconds: the fastest of some that are long enough for the clock. */
function scanMs(size: number): number {
  const known = KNOWN.get(size);
  if (known !== undefined) return known;
  const text = "x".repeat(size - 1) + String(size % 10);
  const times = Math.ceil(SCANNED / size);
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run += 1) {
    const beganMs = performance.now();
    let sum = 0;
    for (let time = 0; time < times; time += 1) {
      for (let at = 0; at < text.length; at += 1) sum = (sum * 31 + text.charCodeAt(at)) | 0;
    }
    // The sum is asked for, so that no scan is left out.
    least = Math.min(least, (performance.now() - beganMs + (sum === 1 ? 1 : 0)) / times);
  }
  KNOWN.set(size, least);
  return least;
}

const SCANNED = 1_000_000;
const KNOWN = new Map<number, number>();
