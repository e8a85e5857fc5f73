/** The command line: arguments → command. Exit codes: 0 done, 1 failed, 2 wrong usage. */
import { CommanderError } from "commander";
import { COMMANDS } from "./commands.ts";
import { commandIn, createProgram } from "./program.ts";
import { OUTPUT, tell } from "./terminal.ts";

/** Runs the command in the arguments of this process. */
export async function runCommandLine(): Promise<void> {
  bearLostOutput();
  const program = createProgram()
    // An argument may have been pasted from a text that a peer wrote.
    .configureOutput(OUTPUT)
    .showHelpAfterError("(mm4d --help lists the commands)")
    .exitOverride();

  const wanted = commandIn(process.argv.slice(2));
  const chosen = Object.entries(COMMANDS).find(([name]) => name === wanted)?.[1];
  for (const load of chosen ? [chosen] : Object.values(COMMANDS)) (await load())(program);
  program.addHelpText(
    "after",
    `
Settings come from the environment: REDIS_URL and MM4D_…; "mm4d config" prints
each with its value. Commands find the service that runs on this machine: by
--data-dir or MM4D_DATA_DIR; else in ./data, where the unit's settings say
(/etc/mm4d/mm4d.env), in /var/lib/mm4d and in /data.
Exit codes: 0 done, 1 failed, 2 wrong usage.`,
  );

  // The event loop is empty, but the command has not ended. Node.js has an exit code for that.
  const unfinished = (): void => {
    process.exitCode = UNFINISHED;
  };
  process.once("beforeExit", unfinished);
  try {
    await program.parseAsync();
  } catch (cause) {
    if (cause instanceof CommanderError) {
      // "commander.help": the help was shown because no command was given.
      process.exitCode = cause.exitCode === 0 && cause.code !== "commander.help" ? 0 : 2;
    } else {
      tell((cause as Error).message);
      process.exitCode = 1;
    }
  } finally {
    process.off("beforeExit", unfinished);
  }
}

/** Node.js's "unsettled top-level await". */
const UNFINISHED = 13;

/** Errors of stdout and stderr must not end a service, nor a command without a sentence. */
function bearLostOutput(): void {
  process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
    // The reader of our output may stop reading: `mm4d codes | head`.
    if (cause.code === "EPIPE") process.exit(0);
    tell(`Cannot write the output: ${cause.message}`);
    process.exit(1);
  });
  // The disk is full, or nobody reads stderr any more: nothing can be said, and the exit code stays as it is.
  process.stderr.on("error", () => {});
}
