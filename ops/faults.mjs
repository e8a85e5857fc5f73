/**
 * `npm run faults -- --reports 100000`: every fault of test/faults/ in its long
 * version, one after the other, and a table of what came of it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    reports: { type: "string", default: "10000" },
    only: { type: "string" },
  },
});
const directory = mkdtempSync(join(tmpdir(), "mm4d-faults-"));
const file = join(directory, "table.jsonl");
const only = values.only === undefined ? [] : ["-t", values.only];
const { status } = spawnSync("npx", ["--no-install", "vitest", "run", "test/faults", ...only], {
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  env: { ...process.env, FAULTS_REPORTS: values.reports, FAULTS_TABLE: file },
  stdio: "inherit",
});
const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
const rows = lines.map((line) => JSON.parse(line));
rows.sort((a, b) => a.scenario.localeCompare(b.scenario, "en", { numeric: true }));
print(rows);
rmSync(directory, { recursive: true });
process.exitCode = status ?? 1;

function print(rows) {
  const columns = Object.keys(rows[0] ?? {});
  const widths = columns.map((name) => Math.max(name.length, ...rows.map((row) => String(row[name]).length)));
  const line = (texts) =>
    texts.map((text, index) => (index === 0 ? text.padEnd(widths[0]) : text.padStart(widths[index]))).join("  ");
  process.stdout.write(`\n${line(columns)}\n`);
  for (const row of rows) process.stdout.write(`${line(columns.map((name) => String(row[name])))}\n`);
}
