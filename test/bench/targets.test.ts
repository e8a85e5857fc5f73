/** What `npm run bench` says of its targets, and of itself. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";

interface Judged {
  readonly target: { readonly what: string; readonly rival?: string };
  readonly reached?: number;
  readonly verdict: string;
  readonly why?: string;
}

interface Targets {
  verdictOf(target: { must: number; aim?: number; sign: string }, reached: number): string;
  judge(rows: readonly object[], missing: readonly string[]): readonly Judged[];
  printTargets(rows: readonly object[], missing: readonly string[]): void;
}

const bench = (file: string): string => new URL(file, import.meta.url).href;
const { verdictOf, judge, printTargets } = (await import(bench("./targets.mjs"))) as Targets;

const row = (subject: string, round: number, perSecond: number, serverUs: number, loadCore = 0.5) => ({
  ...{ workload: "dialogue", subject, round, perSecond, serverUs, loadCore },
});
/** The other half of the ratio is of the same round: 0.30, 0.40 and 0.50 of discard; 2.5, 2.6 and 2.7 of its CPU. */
const ROWS = [
  ...[row("mm4d", 1, 1_500, 250), row("mm4d", 2, 2_400, 260), row("mm4d", 3, 4_000, 270)],
  ...[row("discard", 1, 5_000, 100), row("discard", 2, 6_000, 100), row("discard", 3, 8_000, 100)],
];

describe("verdictOf", () => {
  test.each([
    ["≥", 0.36, 0.45, 0.45, "yes"],
    ["≥", 0.36, 0.45, 0.449, "must only"],
    ["≥", 0.36, 0.45, 0.359, "NO"],
    ["≤", 300, 200, 200, "yes"],
    ["≤", 300, 200, 300, "must only"],
    ["≤", 300, 200, 301, "NO"],
    ["≤", 220, undefined, 220, "yes"],
    ["≤", 220, undefined, 221, "NO"],
  ])("%s %s, better %s: with %s it says %s", (sign, must, aim, reached, verdict) => {
    expect(verdictOf({ sign, must, ...(aim === undefined ? {} : { aim }) }, reached)).toBe(verdict);
  });
});

describe("judge", () => {
  const byWhat = (judged: readonly Judged[]) => judged.map(({ target: { what }, ...rest }) => [what, rest]);

  test("takes the median of the rounds' ratios, and leaves out what this run did not measure", () => {
    expect(byWhat(judge(ROWS, []))).toEqual([
      ["in the queue when the clock stops, of discard", { reached: 0.4, verdict: "must only" }],
      ["server CPU a report, of discard's", { reached: 2.6, verdict: "must only" }],
    ]);
  });

  test("a rival that is missing makes its targets not reached", () => {
    const ofHaraka = judge(ROWS, ["haraka"]).filter(({ target }) => target.rival === "haraka");
    expect(ofHaraka.map(({ reached, verdict, why }) => [reached, verdict, why])).toEqual([
      [undefined, "NO", "haraka is missing"],
      [undefined, "NO", "haraka is missing"],
    ]);
    expect(judge([], ["haraka"])).toEqual([]);
  });

  test("marks a rate while the core of generator and Redis was full, and no CPU", () => {
    const [mm4d, ...others] = ROWS;
    const marks = judge([{ ...mm4d, loadCore: 0.95 }, ...others], []).map(({ why }) => why);
    expect(marks).toEqual(["*", undefined]);
  });
});

test("printTargets shouts what is missing, in 100 columns", () => {
  let printed = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += text;
    return true;
  });
  try {
    printTargets(ROWS, ["haraka", "aiosmtpd", "obvious"]);
  } finally {
    write.mockRestore();
  }
  expect(printed).toContain("NOT REACHED, because haraka is missing");
  expect(printed).toMatch(/^rate, of Haraka +≥ 1\.6 +≥ 2\.2 +– {2}NO haraka is missing$/m);
  expect(Math.max(...printed.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
});

test("--help tells each workload of a target, in 80 columns", () => {
  const help = execFileSync(process.execPath, [fileURLToPath(bench("./bench.mjs")), "--help"], { encoding: "utf8" });
  for (const name of ["dialogue", "burst", "steady", "one-a-connection", "bytes", "soak", "away-memory", "away"])
    expect(help).toMatch(new RegExp(`^ {2}${name} `, "m"));
  expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});
