/** The results as a table, at most 100 columns wide. */

const HEAD = [
  "workload",
  "subject",
  "reports/s",
  "min–max",
  "answered",
  "ratio",
  "p50/p99 ms",
  "CPU µs s/r/g",
  "other",
];
const WIDTHS = [16, 14, 9, 13, 8, 5, 11, 13, 6];
/** Beyond this the load's core is the limit, not the server's. */
const FULL_CORE = 0.9;
const REGRESSION = 0.9;

/** One line for each subject of each workload: medians of the rounds. */
export function printTable(rows) {
  print(HEAD);
  print(WIDTHS.map((width) => "-".repeat(width)));
  let last;
  for (const [key, of] of groups(rows)) {
    const [workload, subject] = JSON.parse(key);
    const rates = numbers(of, "perSecond");
    const full = isLoadFull(of);
    print([
      workload === last ? "" : workload,
      subject,
      whole(median(rates)) + (full ? "*" : ""),
      rates.length > 1 ? `${whole(Math.min(...rates))}–${whole(Math.max(...rates))}` : "",
      whole(median(numbers(of, "answeredPerSecond"))),
      fixed(median(ratios(rows, workload, subject, "discard", "perSecond")), 2),
      slash(["p50Ms", "p99Ms"].map((name) => fixed(median(numbers(of, name)), 1))),
      slash(["serverUs", "redisUs", "generatorUs"].map((name) => whole(median(numbers(of, name))))),
      percent(median(numbers(of, "otherPercent"))),
    ]);
    last = workload;
    const notes = new Set(of.map(({ note }) => note).filter(Boolean));
    if (full) notes.add(`* no measure of the server: the core of generator and Redis was full`);
    for (const note of notes) process.stdout.write(`${" ".repeat(WIDTHS[0] + 1)}${note}\n`);
  }
  process.stdout.write(
    [
      "",
      "reports/s: until all are in the queue, where there is one; else until all are answered. ratio: to",
      "discard in the same round. CPU µs a report: server/Redis/generator. other: what else ran on the",
      "machine, in percent of a core. *: the core of generator and Redis was the limit, not the server.",
      "",
    ].join("\n"),
  );
}

/** Whether the core of generator and Redis was full in any of these rows, so that their rate says nothing of the server. */
export function isLoadFull(rows) {
  return rows.some(({ loadCore }) => loadCore > FULL_CORE);
}

/** Says how a revision's rate compares. False when it is a regression; the rule is told by --help. */
export function compare(rows, subject, other) {
  let fine = true;
  for (const workload of new Set(rows.map((row) => row.workload))) {
    const rates = ratios(rows, workload, subject, other, "perSecond");
    const cpu = ratios(rows, workload, subject, other, "serverUs");
    if (rates.length === 0) continue;
    const worse = workload === "dialogue" && median(rates) < REGRESSION && Math.max(...rates) < 1;
    fine &&= !worse;
    process.stdout.write(
      `\n${workload}: ${subject} to ${other}: rate ${spread(rates)}, CPU a report ${spread(cpu)}${worse ? ": WORSE" : ""}\n`,
    );
  }
  return fine;
}

/** Of each round in which both ran. */
export function ratios(rows, workload, subject, other, name) {
  const of = (wanted) => rows.filter((row) => row.workload === workload && row.subject === wanted);
  const others = new Map(of(other).map((row) => [row.round, row[name]]));
  return of(subject)
    .map((row) => row[name] / others.get(row.round))
    .filter(Number.isFinite);
}

export function numbers(rows, name) {
  return rows.map((row) => row[name]).filter(Number.isFinite);
}

/** Undefined for none. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : sorted.length === 0
      ? undefined
      : (sorted[middle - 1] + sorted[middle]) / 2;
}

function spread(values) {
  return `${fixed(median(values), 2)} (${fixed(Math.min(...values), 2)}–${fixed(Math.max(...values), 2)})`;
}

function groups(rows) {
  const found = new Map();
  for (const row of rows) {
    const key = JSON.stringify([row.workload, row.subject]);
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return found;
}

function print(cells) {
  const line = cells.map((cell, index) => (index < 2 ? cell.padEnd(WIDTHS[index]) : cell.padStart(WIDTHS[index])));
  process.stdout.write(`${line.join(" ").trimEnd()}\n`);
}

function whole(value) {
  return value === undefined ? "" : Math.round(value).toLocaleString("en");
}

function fixed(value, digits) {
  return value === undefined ? "" : value.toFixed(digits);
}

function percent(value) {
  return value === undefined ? "" : `${Math.round(value)} %`;
}

/** Nothing when there is nothing on any side. */
function slash(parts) {
  return parts.some((part) => part !== "") ? parts.map((part) => part || "–").join("/") : "";
}
