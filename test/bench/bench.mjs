/**
 * `npm run bench`: how fast mm4d is, against what else could take the reports,
 * and whether it reaches its targets. `npm run bench -- --help` explains it.
 *
 *   fetch what is missing → rounds, the subjects in turn → table → targets → JSON
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { printBusy } from "./busy.mjs";
import { fetchCompetitors } from "./competitors.mjs";
import { HELP } from "./help.mjs";
import { stepAside, temporaryDirectory } from "./processes.mjs";
import { buildRevision } from "./revision.mjs";
import { LADDER, mm4d, SUBJECTS } from "./subjects.mjs";
import { compare, printTable } from "./table.mjs";
import { printTargets } from "./targets.mjs";
import { WORKLOADS } from "./workloads.mjs";

process.exitCode = await bench(readOptions());

async function bench(options) {
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { against } = options;
  const named = against && `mm4d@${against}`;
  const subjects = { ...SUBJECTS, ...(against && { [named]: mm4d("", {}, buildRevision(against)) }) };
  const plans = plan(options, named);
  const missing = fetchCompetitors([...new Set(plans.flatMap((each) => each.subjects))]);
  for (const name of missing) process.stderr.write(`${name} cannot be fetched here, and is left out\n`);
  const certificate = makeCertificate();
  stepAside();

  const rows = [];
  for (const { workload, subjects: names, rounds } of plans) {
    const all = workload === "ladder" ? LADDER : subjects;
    for (let round = 1; round <= rounds; round++) {
      const present = names.filter((name) => !missing.includes(name));
      // Each is as often before its neighbour as behind it.
      for (const name of round % 2 === 0 ? present.toReversed() : present) {
        process.stderr.write(`${workload} ${round}/${rounds} ${name}\n`);
        const { quick, reports } = options;
        const turn = { name, subject: all[name], certificate, quick, reports, earlier: rows };
        for (const row of await WORKLOADS[workload].run(turn)) rows.push({ workload, round, ...row });
      }
    }
  }

  printTable(rows);
  printBusy(rows);
  if (!against) printTargets(rows, missing, options);
  writeFileSync(options.json, `${JSON.stringify({ at: new Date(), node: process.version, options, rows }, null, 2)}\n`);
  process.stdout.write(`\nEvery run is in ${options.json}.\n`);
  return against && !compare(rows, "mm4d", named) ? 1 : 0;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      subjects: { type: "string" },
      rounds: { type: "string" },
      reports: { type: "string" },
      json: { type: "string", default: "bench-results.json" },
      against: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const { quick, against } = values;
  const only = values.only ?? (against ? "dialogue" : undefined);
  return {
    ...values,
    only: chosen("--only", only, Object.keys(WORKLOADS)),
    subjects: chosen("--subjects", values.subjects, Object.keys(SUBJECTS)),
    rounds: wholeNumber("--rounds", values.rounds ?? (against ? "5" : quick ? "1" : "3")),
    reports: wholeNumber("--reports", values.reports ?? (quick ? "5000" : "20000")),
  };
}

function chosen(option, text, known) {
  const names = text?.split(",");
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) fail(`${option} has "${unknown}", must be of ${known.join(", ")}`);
  return names;
}

function wholeNumber(option, text) {
  if (!/^[1-9]\d*$/.test(text)) fail(`${option} is "${text}", must be a whole number from 1`);
  return Number(text);
}

function fail(sentence) {
  process.stderr.write(`Cannot start: ${sentence}\n`);
  process.exit(2);
}

/** Which workloads, whom with, how often. */
function plan({ only, subjects, rounds }, against) {
  return Object.entries(WORKLOADS)
    .filter(([name, { onlyWhenNamed }]) => (only ? only.includes(name) : !onlyWhenNamed))
    .map(([workload, { subjects: all, rounds: most = rounds, onlyWhenNamed }]) => ({
      workload,
      subjects: against
        ? ["mm4d", against]
        : all.filter((name) => onlyWhenNamed || !subjects || subjects.includes(name)),
      rounds: Math.min(rounds, most),
    }))
    .filter((each) => each.subjects.length > 0);
}

function makeCertificate() {
  const directory = temporaryDirectory();
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...made, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { key, cert };
}
