/** Which process is busy while `dialogue` runs: parts of a core, by thread. */
import { isLoadFull, median, numbers } from "./table.mjs";

const COLUMNS = [
  ["main", ["main"]],
  ["V8", ["v8"]],
  ["pool", ["pool"]],
  ["other", ["other"]],
  ["server", ["main", "v8", "pool", "other"]],
  ["Redis", ["redisMain"]],
  ["its bio", ["redisBio"]],
  ["generator", ["generator"]],
  ["load core", ["generator", "redisMain", "redisBio"]],
];
const NAME_WIDTH = 24;
const LEAST_WIDTH = 5;

/** Medians of the rounds, in percent of one core. */
export function printBusy(rows) {
  const measured = rows.filter(({ workload, busy }) => workload === "dialogue" && busy);
  const subjects = [...new Set(measured.map(({ subject }) => subject))];
  if (subjects.length === 0) return;
  process.stdout.write("\n");
  print(
    "dialogue, % of a core",
    COLUMNS.map(([title]) => title),
  );
  for (const subject of subjects) {
    const of = measured.filter((row) => row.subject === subject);
    const cells = COLUMNS.map(([, names]) => percentOf(of, names));
    print(subject, cells, isLoadFull(of) ? " *" : "");
  }
  process.stdout.write(
    [
      "",
      "main, V8 (collector and compiler), pool (files and zlib) and other: the server's threads, which have",
      "a core of their own. Redis, its bio (files), generator: the load core. *: that one was full, and the",
      "rate is no measure of the server; its CPU a report is.",
      "",
    ].join("\n"),
  );
}

function percentOf(rows, names) {
  const sums = rows.map(({ busy }) => ({ sum: names.reduce((sum, name) => sum + busy[name], 0) }));
  return `${Math.round(100 * median(numbers(sums, "sum")))}`;
}

function print(name, cells, remark = "") {
  const padded = cells.map((cell, index) => cell.padStart(Math.max(LEAST_WIDTH, COLUMNS[index][0].length)));
  process.stdout.write(`${name.padEnd(NAME_WIDTH)}${padded.join("  ")}${remark}\n`);
}
