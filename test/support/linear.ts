/** Whether work grows no faster than its size, on any machine. */

export interface Sized {
  /** In characters. */
  readonly size: number;
  readonly work: () => unknown;
}

/** How much shorter the short text is. Linear work takes as many scans for either, what is quadratic so many times more. */
export const SHORTER = 8;
const GROWTH = 4;
const RUNS = 5;
const ATTEMPTS = 3;

/**
 * Null when the work costs about as much a character on the long text as on one that is
 * {@link SHORTER}; otherwise how much. What it costs is told in scans: in what it takes
 * to read as many characters once, in the same run on the same machine. Work of `cheap`
 * scans is nobody's trouble, however it grows.
 */
export async function faultOf(long: Sized, short: () => Sized, cheap: number): Promise<string | null> {
  if ((await fastest(long.work, 1)) <= cheap * scanMs(long.size)) return null;
  const shorter = short();
  let told = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const [big, small] = [await scansOf(long), await scansOf(shorter)];
    if (big <= cheap || big <= GROWTH * small) return null;
    told = `${Math.round(small)} scans for ${shorter.size} characters, ${Math.round(big)} for ${long.size}`;
  }
  return told;
}

/** Null when the work costs no more than so many scans of as many characters, at whatever size; otherwise how many. */
export async function tooDear(sized: Sized, scans: number): Promise<string | null> {
  let least = (await fastest(sized.work, 1)) / scanMs(sized.size);
  for (let attempt = 0; attempt < ATTEMPTS && least > scans; attempt += 1) {
    least = Math.min(least, await scansOf(sized));
  }
  return least <= scans ? null : `${Math.round(least)} scans`;
}

/**
 * Compared with scans that take as long together: on a busy machine whatever takes long
 * is interrupted, and what is short is not.
 */
async function scansOf({ size, work }: Sized): Promise<number> {
  const about = Math.max(1, Math.round((await fastest(work, RUNS)) / scanMs(size)));
  const text = textOf(size);
  return (about * (await fastest(work, RUNS))) / (await fastest(() => scan(text, about), RUNS));
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

/** What one scan of so many characters takes: of some that are long enough for the clock the fastest. */
function scanMs(size: number): number {
  const known = KNOWN.get(size);
  if (known !== undefined) return known;
  const text = textOf(size);
  const times = Math.ceil(SCANNED / size);
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run += 1) {
    const beganMs = performance.now();
    scan(text, times);
    least = Math.min(least, (performance.now() - beganMs) / times);
  }
  KNOWN.set(size, least);
  return least;
}

/** Gives something that depends on every character, so that none is left out. */
function scan(text: string, times: number): number {
  let sum = 0;
  for (let time = 0; time < times; time += 1) {
    for (let at = 0; at < text.length; at += 1) sum = (sum * 31 + text.charCodeAt(at)) | 0;
  }
  return sum;
}

function textOf(size: number): string {
  return "x".repeat(size);
}

const SCANNED = 1_000_000;
const KNOWN = new Map<number, number>();
