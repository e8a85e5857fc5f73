/** `mm4d refusals`: who was refused lately, and why. */
import type { Command } from "commander";
import type { Refusal } from "../monitoring/refusals.ts";
import { replyToRefused } from "../smtp/refusal-reply.ts";
import { askRefusals } from "./running-service.ts";
import { fitted, jsonOf, printLine, tell } from "./terminal.ts";

export function addRefusalsCommand(program: Command): void {
  program
    .command("refusals")
    .description("list who was refused lately and why, by address and reason, the latest last")
    .option("--json", "print them as JSON, one a line")
    .addHelpText(
      "after",
      `
Asks the running service, which remembers the last 1,000 since its start.`,
    )
    .action(refusals);
}

async function refusals({ json }: { json?: true }): Promise<void> {
  const list = await askRefusals();
  for (const refusal of list) await printLine(json ? jsonOf(refusal) : fitted(describe(refusal)));
  if (!json && list.length === 0) tell("Nobody was refused since the start.");
}

function describe({ address, peer, helo, reason, detail, count, firstAt, lastAt }: Refusal): readonly string[] {
  return [
    `${address}  ${peer ?? "no peer"}${helo === null ? "" : `, HELO ${helo}`}`,
    `  ${reason}${detail === null ? "" : ` (${detail})`}: ${replyToRefused(reason)}`,
    `  ${count === 1 ? "once" : `${count} times`}, ${count === 1 ? lastAt : `from ${firstAt} to ${lastAt}`}`,
  ];
}
