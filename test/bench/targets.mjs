/** What mm4d is to reach, and what it did. */
import { isLoadFull, median, numbers, ratios } from "./table.mjs";

/**
 * Each with the values of the rounds, of which the median counts.
 *
 * @typedef {object} Target
 * @property {string} what
 * @property {number} must Has to be reached.
 * @property {number} [aim] Better still.
 * @property {"≥" | "≤"} sign
 * @property {string} workload
 * @property {string} subject Whose rows are looked at.
 * @property {string} [rival] To whom it is compared: without it the target is not reached.
 * @property {string} name Of the figure in a row.
 * @property {number} [unit] By which it is divided, to be read.
 */

/** @type {Target[]} */
export const TARGETS = [
  ofRival("in the queue when the clock stops, of discard", "≥", 0.36, 0.45, "dialogue", "perSecond", "discard"),
  ofRival("burst answered, of discard", "≥", 0.55, 0.65, "burst", "answeredPerSecond", "discard"),
  ofRival("server CPU a report, of discard's", "≤", 3, 2.4, "dialogue", "serverUs", "discard"),
  ofRival("rate, of obvious", "≥", 1.3, 1.6, "dialogue", "perSecond", "obvious"),
  ofRival("rate, of aiosmtpd + LPUSH", "≥", 1, 1.3, "dialogue", "perSecond", "aiosmtpd"),
  ofRival("rate, of Haraka", "≥", 1.6, 2.2, "dialogue", "perSecond", "haraka"),
  ofRival("server CPU a report, of Haraka's", "≤", 0.6, 0.45, "dialogue", "serverUs", "haraka"),
  atMost("DATA to 250 at half of that rate, p50 ms", 3, 2, "steady", "p50Ms"),
  atMost("DATA to 250 at half of that rate, p99 ms", 15, 10, "steady", "p99Ms"),
  { ...atMost("DATA to worker's handler, p99 ms", 60, 30, "steady", "p99Ms"), subject: "mm4d to worker" },
  ofRival("one report a connection, of discard", "≥", 0.6, 0.9, "one-a-connection", "answeredPerSecond", "discard"),
  {
    ...ofItself("DATA to 250, five pages open, of none, p99", 1.1, "mm4d, five pages", "p99Ms"),
    workload: "pages",
    sign: "≤",
  },
  ofArchive(
    "in the queue with an archive, of without",
    "≥",
    0.97,
    "archive, full rate",
    "no archive, full rate",
    "perSecond",
  ),
  ofArchive("DATA to 250 with an archive, of without, p99", "≤", 1.1, "archive, steady", "no archive, steady", "p99Ms"),
  ofArchive("DATA to 250 beside a replay, of without, p99", "≤", 1.1, "replay", "no replay", "p99Ms"),
  atMost("journal, bytes a report of 830 bytes", 1_100, undefined, "bytes", "journalBytes"),
  atMost("trace in Redis, in blocks, bytes a report", 200, undefined, "bytes", "traceBytes"),
  { ...atMost("resident after a burst of 100,000, MB", 220, undefined, "burst", "residentBytes"), unit: 1e6 },
  atMost("resident after 10 minutes, of 1 minute", 1.1, undefined, "soak", "growth"),
  { ...atMost("resident at most, Redis away, 100,000, MB", 300, 200, "away-memory", "highestBytes"), unit: 1e6 },
  ofItself("a million accepted with Redis away, of with it", 1.3, "mm4d away", "answeredPerSecond"),
  ofItself("a million drained, of sustained", 1, "mm4d drains", "perSecond"),
];

/**
 * What came of each target that this run could measure. `reached` is undefined where the rival is missing.
 *
 * @returns {{ target: Target, reached?: number, verdict: "yes" | "must only" | "NO", why?: string }[]}
 */
export function judge(rows, missing) {
  return TARGETS.flatMap((target) => {
    const own = rowsOf(rows, target, target.subject);
    if (own.length === 0) return [];
    if (missing.includes(target.rival)) return [{ target, verdict: "NO", why: `${target.rival} is missing` }];
    const found = median(valuesOf(rows, own, target));
    // It was not asked for.
    if (found === undefined) return [];
    const reached = found / (target.unit ?? 1);
    const isFull = isRate(target) && isLoadFull([...own, ...rowsOf(rows, target, target.rival)]);
    return [{ target, reached, verdict: verdictOf(target, reached), ...(isFull && { why: "*" }) }];
  });
}

export function verdictOf({ must, aim = must, sign }, reached) {
  const fits = (wanted) => (sign === "≥" ? reached >= wanted : reached <= wanted);
  if (fits(aim)) return "yes";
  return fits(must) ? "must only" : "NO";
}

/** Those that were measured, and loudly those that could not be. */
export function printTargets(rows, missing, { quick = false } = {}) {
  const judged = judge(rows, missing);
  if (judged.length === 0) return;
  process.stdout.write("\n");
  print(["target", "must", "aim", "reached", ""]);
  for (const { target, reached, verdict, why = "" } of judged) {
    const { what, must, aim, sign } = target;
    const wanted = (value) => (value === undefined ? "" : `${sign} ${value.toLocaleString("en")}`);
    print([what, wanted(must), wanted(aim), reached === undefined ? "–" : shown(reached), `${verdict} ${why}`.trim()]);
  }
  if (quick)
    process.stdout.write("\n--quick: fewer reports in one round, also where a target names more. A look, no claim\n");
  const absent = [...new Set(judged.filter(({ reached }) => reached === undefined).map(({ target }) => target.rival))];
  for (const rival of absent)
    process.stdout.write(`\nNOT REACHED, because ${rival} is missing: it could not be fetched here\n`);
  if (judged.some(({ why }) => why === "*"))
    process.stdout.write("\n*: the core of generator and Redis was full: no measure of the server, its CPU decides\n");
}

function rowsOf(rows, { workload }, subject) {
  return rows.filter((row) => row.workload === workload && row.subject === subject);
}

function valuesOf(rows, own, { workload, subject, rival, name }) {
  return rival === undefined ? numbers(own, name) : ratios(rows, workload, subject, rival, name);
}

function isRate({ name }) {
  return name.endsWith("PerSecond") || name === "perSecond";
}

function shown(value) {
  return value >= 20 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}

function print([what, must, aim, reached, verdict]) {
  const cells = [must.padStart(8), aim.padStart(7), reached.padStart(8)];
  process.stdout.write(`${what.padEnd(46)} ${cells.join(" ")}  ${verdict}`.trimEnd().concat("\n"));
}

function ofRival(what, sign, must, aim, workload, name, rival) {
  return { what, sign, must, aim, workload, name, subject: "mm4d", rival };
}

function ofItself(what, must, subject, name) {
  return { what, sign: "≥", must, workload: "away", name, subject, rival: "mm4d" };
}

function ofArchive(what, sign, must, subject, rival, name) {
  return { what, sign, must, workload: "archive", name, subject, rival };
}

function atMost(what, must, aim, workload, name) {
  return { what, sign: "≤", must, aim, workload, name, subject: "mm4d" };
}
