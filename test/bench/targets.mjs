/** What mm4d is to reach, and what it did. */
import { median, numbers, ratios } from "./table.mjs";

/**
 * Each with the values of the rounds, of which the median counts.
 *
 * @type {{ what: string, wanted: string, values: (rows: object[]) => number[], fits: (value: number) => boolean }[]}
 */
const TARGETS = [
  atLeast(0.45, "sustained, of discard (aim 0.55)", ratio("dialogue", "mm4d", "discard", "perSecond")),
  atLeast(2.5, "sustained, of Haraka", ratio("dialogue", "mm4d", "haraka", "perSecond")),
  atMost(0.45, "CPU a report, of Haraka", ratio("dialogue", "mm4d", "haraka", "serverUs")),
  atLeast(0.75, "a burst answered, of discard", ratio("burst", "mm4d", "discard", "answeredPerSecond")),
  atLeast(5, "one report a connection, of stock", ratio("one-a-connection", "mm4d", "stock", "answeredPerSecond")),
  atMost(2, "DATA to 250 at 1,000/s, p50 ms", value("steady", "mm4d", "p50Ms")),
  atMost(10, "DATA to 250 at 1,000/s, p99 ms", value("steady", "mm4d", "p99Ms")),
  atMost(30, "DATA to worker's handler, p99 ms", value("steady", "mm4d to worker", "p99Ms")),
  atMost(15, "reading a report, CPU µs", value("read", "mm4d", "serverUs")),
  atLeast(6, "reading, times cheaper than simpleParser", ratio("read", "simpleParser", "mm4d", "serverUs")),
  atMost(2, "an idle connection, of a bare socket", ratio("idle", "mm4d", "socket", "bytes")),
  atMost(1.1, "memory, end of the soak to 1 minute", value("soak", "mm4d", "growth")),
  atLeast(0.75, "sustained with many waiting, of none", ratio("waiting", "mm4d full", "mm4d", "perSecond")),
  atLeast(0.75, "accepted with Redis away, of with it", ratio("away", "mm4d away", "mm4d", "answeredPerSecond")),
  atLeast(1, "drained after that, of sustained", ratio("away", "mm4d drains", "mm4d", "perSecond")),
  atMost(1.25, "memory at the outage's end, to its middle", value("away", "mm4d away", "growth")),
  atMost(1.25, "memory while drained, to the same", value("away", "mm4d drains", "growth")),
];

/** Those that were measured. */
export function printTargets(rows) {
  const measured = TARGETS.map((target) => ({ ...target, reached: median(target.values(rows)) })).filter(
    ({ reached }) => reached !== undefined,
  );
  if (measured.length === 0) return;
  process.stdout.write(`\n${"target".padEnd(42)} ${"wanted".padStart(8)} ${"reached".padStart(8)}\n`);
  for (const { what, wanted, reached, fits } of measured) {
    const line = `${what.padEnd(42)} ${wanted.padStart(8)} ${reached.toFixed(2).padStart(8)}`;
    process.stdout.write(`${line}  ${fits(reached) ? "yes" : "NO"}\n`);
  }
}

function atLeast(least, what, values) {
  return { what, wanted: `≥ ${least}`, values, fits: (reached) => reached >= least };
}

function atMost(most, what, values) {
  return { what, wanted: `≤ ${most}`, values, fits: (reached) => reached <= most };
}

function ratio(workload, subject, other, name) {
  return (rows) => ratios(rows, workload, subject, other, name);
}

function value(workload, subject, name) {
  return (rows) =>
    numbers(
      rows.filter((row) => row.workload === workload && row.subject === subject),
      name,
    );
}
