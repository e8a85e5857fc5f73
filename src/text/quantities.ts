/** Times, sizes and numbers of things, in words. */

const UNITS = [
  { unit: "d", seconds: 86_400 },
  { unit: "h", seconds: 3_600 },
  { unit: "min", seconds: 60 },
  { unit: "s", seconds: 1 },
] as const;

/** A duration in its two largest units, such as `2 h 5 min`. */
export function durationInWords(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000));
  const parts = UNITS.flatMap(({ unit, seconds }) => {
    const count = Math.floor(rest / seconds);
    rest %= seconds;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** A size, such as `7 MB`, or `1.1 GB`. */
export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

/** A share, such as `7 %`. A little is never 0 %, and nearly everything is never 100 %. */
export function inPercent(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (100 * part) / whole;
  if (percent > 0 && percent < 1) return "< 1 %";
  return percent > 99 && percent < 100 ? "> 99 %" : `${Math.round(percent)} %`;
}

/** A number of things, such as `1 record`, `2 records`. */
export function some(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** All numbers added up. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
