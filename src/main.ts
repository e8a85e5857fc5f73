#!/usr/bin/env node
/** The command line's door: arguments → command. Exit codes: 0 done, 1 failed, 2 wrong usage. */
import { Command, CommanderError } from "commander";
import { COMMANDS } from "./cli/commands.ts";
import { OUTPUT, tell } from "./cli/terminal.ts";
import { VERSION } from "./version.ts";

const program = new Command("mm4d")
  .description(
    "Receives MMS delivery reports over MM4 (SMTP) and puts one normalised event per report on a BullMQ queue.",
  )
  .version(VERSION)
  // What was typed may have been pasted from what a peer wrote.
  .configureOutput(OUTPUT)
  .showHelpAfterError("(mm4d --help lists the commands)")
  .exitOverride();

const chosen = Object.entries(COMMANDS).find(([name]) => name === process.argv[2])?.[1];
for (const load of chosen ? [chosen] : Object.values(COMMANDS)) (await load())(program);
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
    tell((cause as Error).message);
    process.exitCode = 1;
  }
}
