#!/usr/bin/env node
/** The command line's door: arguments → command. Exit codes: 0 done, 1 failed, 2 wrong usage. */
import { Command, CommanderError } from "commander";
import { addCodesCommand } from "./cli/codes.ts";
import { addConfigCommand } from "./cli/config.ts";
import { addExplainCommand } from "./cli/explain.ts";
import { addFailedCommand } from "./cli/failed.ts";
import { addJournalCommand } from "./cli/journal.ts";
import { addPeersCommand } from "./cli/peers.ts";
import { addQuarantineCommand } from "./cli/quarantine.ts";
import { addRefusalsCommand } from "./cli/refusals.ts";
import { addSchemaCommand } from "./cli/schema.ts";
import { addSendCommand } from "./cli/send.ts";
import { addServeCommand } from "./cli/serve.ts";
import { addTailCommand } from "./cli/tail.ts";
import { VERSION } from "./version.ts";

const program = new Command("mm4d")
  .description(
    "Receives MMS delivery reports over MM4 (SMTP) and puts one normalised event per report on a BullMQ queue.",
  )
  .version(VERSION)
  .showHelpAfterError("(mm4d --help lists the commands)")
  .exitOverride();

addServeCommand(program);
addSendCommand(program);
addTailCommand(program);
addQuarantineCommand(program);
addFailedCommand(program);
addJournalCommand(program);
addPeersCommand(program);
addRefusalsCommand(program);
addCodesCommand(program);
addExplainCommand(program);
addConfigCommand(program);
addSchemaCommand(program);
program.addHelpText(
  "after",
  `
Settings come from the environment: REDIS_URL and MM4D_…; "mm4d config" prints
each with its value. Exit codes: 0 done, 1 failed, 2 wrong usage.`,
);

// Whoever reads our output may stop reading: `mm4d codes | head`.
process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code !== "EPIPE") throw cause;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (cause) {
  if (cause instanceof CommanderError) {
    // "commander.help" is the help that is shown because no command was given.
    process.exitCode = cause.exitCode === 0 && cause.code !== "commander.help" ? 0 : 2;
  } else {
    process.stderr.write(`${(cause as Error).message}\n`);
    process.exitCode = 1;
  }
}
