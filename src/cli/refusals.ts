/** `mm4d refusals`: who was refused lately, and why. */
import type { Command } from "commander";
import type { Refusal } from "../monitoring/refusals.ts";
import { replyToRefused } from "../smtp/refusal-reply.ts";
import { askRefusals } from "./running-service.ts";
import { fitted, jsonOf, printLine, tell } from "./terminal.ts";

export function addRefusalsCommand(program: Command): void {
  program
    .command("refusals")
    .description("list who was refused in the last 24 hours and why, by address and reason, the latest last")
    .option("--json", "print them as JSON, one a line")
    .addHelpText(
      "after",
      `
Asks the running service. Redis keeps refusals for 24 hours, through restarts
and of every process and replica. While it is away, those since the start are
listed, 1,000 of each process at most; that is said.`,
    )
    .action(refusals);
}

async function refusals({ json }: { json?: true }): Promise<void> {
  const { refusals: list, since, fault } = await askRefusals();
  for (const refusal of list) await printLine(json ? jsonOf(refusal) : fitted(describe(refusal)));
  const what = list.length === 0 ? "No client was refused" : "Those refused";
  if (fault !== null) tell(fitted([`${fault}. ${what} since the start of mm4d, ${since}; earlier ones are in Redis.`]));
  else if (!json) tell(fitted([`${what} in the last 24 hours, since ${since}.`]));
}

function describe({ address, peer, helo, reason, detail, count, firstAt, lastAt }: Refusal): readonly string[] {
  return [
    `${address}  ${peer ?? "no peer"}${helo === null ? "" : `, HELO ${helo}`}`,
    `  ${reason}${detail === null ? "" : ` (${detail})`}: ${replyToRefused(reason)}`,
    `  ${count === 1 ? "once" : `${count} times`}, ${count === 1 ? lastAt : `from ${firstAt} to ${lastAt}`}`,
  ];
}
