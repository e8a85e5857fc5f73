/** `mm4d failed`: lists the events that consumers gave up, and gives them out again. */
import type { Command } from "commander";
import { type FailedJob, type FailedJobs, openFailedJobs } from "../queue/failed.ts";
import { describeEvent } from "../text/describe.ts";
import { maskAllButAddresses, maskEvent, numberMask, partiesOf } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { FULL_NUMBERS, type Numbers, type NumbersWanted, numbersOf } from "./numbers.ts";
import { withOpened } from "./running-service.ts";
import { firstLine, fitted, jsonOf, printLine, tell } from "./terminal.ts";

export function addFailedCommand(program: Command): void {
  const failed = program.command("failed").description("list or retry the events that consumers gave up on");
  failed
    .command("list")
    .description("list the failed jobs, oldest first: when, after how many attempts, why, and which event")
    .option(...FULL_NUMBERS)
    .option("--json", "print them as JSON, one a line, with the whole error and event, numbers in full")
    .action(list);
  failed
    .command("retry [id]")
    .description("give a failed job back to consumers, with a fresh set of attempts")
    .option("--all", "every job that has failed by now, oldest first")
    .option("--reason <text>", "with --all: only those whose error contains this text")
    .addHelpText(
      "after",
      `
Whatever made the consumer fail should be mended first. Each job is given
back in one step, so this may be stopped at any time, and run again. Jobs
that fail once more meanwhile are left for the next run.`,
    )
    .action(retry);
}

async function list({ json, ...wanted }: NumbersWanted & { json?: true }): Promise<void> {
  await withFailedJobs(async (failed) => {
    let count = 0;
    for await (const job of failed.list()) {
      count += 1;
      await printLine(json ? jsonOf(job) : fitted(describeJob(job, numbersOf(wanted))));
    }
    if (!json) tell(count === 0 ? "No failed jobs." : `${some(count, "job")} failed.`);
  });
}

async function retry(id: string | undefined, { all, reason }: { all?: true; reason?: string }): Promise<void> {
  if ((id === undefined) === (all === undefined)) throw new Error("Cannot retry: one id or --all must be given");
  await withFailedJobs((failed) => (id === undefined ? retryAll(failed, reason ?? "") : retryOne(failed, id)));
}

async function retryOne(failed: FailedJobs, id: string): Promise<void> {
  if (!(await failed.retry(id))) throw new Error(`Cannot retry "${id}": there is no such failed job`);
  await printLine(`${id}  given back to consumers`);
}

async function retryAll(failed: FailedJobs, reason: string): Promise<void> {
  let count = 0;
  for await (const { id, error } of failed.list()) {
    if (!error.includes(reason) || !(await failed.retry(id))) continue;
    count += 1;
    await printLine(`${id}  given back to consumers`);
  }
  tell(`${some(count, "job")} given back to consumers.`);
}

export function describeJob(job: FailedJob, numbers: Numbers): readonly string[] {
  const { id, failedAt, attempts, error, event } = numbers === "full" ? job : masked(job);
  const [what = "", which = ""] = describeEvent(event);
  return [
    id,
    `  failed ${failedAt} after ${some(attempts, "attempt")}`,
    firstLine(error || "(the consumer gave no reason)"),
    `  ${what}`,
    which,
  ];
}

function masked(job: FailedJob): FailedJob {
  const mask = numberMask(partiesOf(job.event));
  return { ...job, error: mask(maskAllButAddresses(job.error)), event: maskEvent(job.event) };
}

function withFailedJobs(use: (failed: FailedJobs) => Promise<void>): Promise<void> {
  return withOpened("look for failed jobs", (place, { queue }) => openFailedJobs(place, queue), use);
}
