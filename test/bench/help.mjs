/** What --help prints, in 80 columns. */
import { SUBJECTS } from "./subjects.mjs";
import { WORKLOADS } from "./workloads.mjs";

export const HELP = `npm run bench -- [options]

Sends delivery reports to mm4d and to what else could take them, and prints
rates, latencies, CPU time and memory in one table, which process and thread was
busy, and then each target: what must be reached, what is aimed at, and what
was reached. A rival that cannot be fetched makes its targets not reached.
Everything is started on free loopback ports, each subject with a Redis of its
own (appendonly, everysec), and ended and removed again. The server has core 0;
generator and Redis have core 1. Linux only; "npm run build" first. All of it
takes about 40 minutes on a quiet machine.

  --quick          fewer reports and one round: four minutes on a quiet machine,
                   good for a look, not for a claim
  --only A,B       these workloads only
  --subjects A,B   these subjects only
  --rounds N       rounds, the subjects in turn (3; --quick 1; --against 5).
                   Those that take minutes, or that no target is about, have one
  --reports N      reports of one run (20000; --quick 5000); slow subjects are
                   given a quarter. A warm-up that is not counted comes first
  --json FILE      where every single run is written (bench-results.json)
  --against REV    builds REV aside and runs it as mm4d@REV in turn with mm4d;
                   workload dialogue, unless --only says otherwise
  --help           this

With --against the exit code is 1 when mm4d is a regression against REV: its
sustained rate (dialogue) is less than 0.9 of REV's in the median of the rounds
and less than REV's in every round. One round that another program slowed down
makes no regression then, and hides none.

Workloads:
${list(WORKLOADS)}
Subjects:
${list(SUBJECTS)}`;

function list(named) {
  return Object.entries(named)
    .map(([name, { about }]) => wrap(name, about))
    .join("");
}

function wrap(name, about) {
  const lines = [""];
  for (const word of about.split(" ")) {
    if (lines.at(-1).length + word.length > 58) lines.push("");
    lines.push(`${lines.pop()} ${word}`.trim());
  }
  return lines.map((line, index) => `  ${(index === 0 ? name : "").padEnd(18)}${line}\n`).join("");
}
