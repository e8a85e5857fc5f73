/** `mm4d status`: how the running service is, on one screen. */
import type { Command } from "commander";
import { askStatus } from "./running-service.ts";
import { jsonOf, print, printWrapped } from "./terminal.ts";

export function addStatusCommand(program: Command): void {
  program
    .command("status")
    .description("say how the running service is, on one screen")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
Asks the running service, which looks at its queues then, once a second at most.
Where Redis does not answer at once, it says how old the figures are. Workers
are counted every ten seconds.

Exit code 1 when all is not well, or none is running. What needs attention only,
which the lines below the first say, is well enough for 0.`,
    )
    .action(status);
}

async function status({ json }: { json?: true }): Promise<void> {
  const found = await askStatus();
  if (json) print(jsonOf(found));
  else printWrapped(found.lines);
  if (!found.healthy) process.exitCode = 1;
}
