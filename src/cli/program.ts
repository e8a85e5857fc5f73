/** The program around the commands: its name, and the options that all commands have. */
import { Command, InvalidArgumentError, Option } from "commander";
import { VERSION } from "../version.ts";
import { useOptions } from "./settings.ts";

/** The program without its commands. */
export function createProgram(): Command {
  const program = new Command("mm4d")
    .description(
      "Receives MMS delivery reports over MM4 (SMTP) and puts one normalised event per report on a BullMQ queue.",
    )
    .version(VERSION)
    .configureHelp({
      showGlobalOptions: true,
      // Only the program has a version, not its commands.
      visibleGlobalOptions: (command) => (command.parent === null ? [] : [...GLOBAL_OPTIONS]),
    });
  for (const option of GLOBAL_OPTIONS) program.addOption(option);
  return program.hook("preAction", () => useOptions(program.opts()));
}

const GLOBAL_OPTIONS: readonly Option[] = [
  new Option("--data-dir <dir>", "the service's data directory, instead of MM4D_DATA_DIR").argParser(readPath),
  new Option("--env-file <file>", "settings, a NAME=value a line; the environment wins").argParser(
    (text: string, before: readonly string[] = []) => [...before, readPath(text)],
  ),
];

/** The command in the arguments: the first word that is neither an option nor the value of one. */
export function commandIn(words: readonly string[]): string | undefined {
  const names: readonly (string | undefined)[] = GLOBAL_OPTIONS.map(({ long }) => long);
  return words.find((word, index) => !word.startsWith("-") && !names.includes(words[index - 1]));
}

function readPath(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must be a path.");
  return text;
}
