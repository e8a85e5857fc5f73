/** The commands of the command line. */
import { readdirSync } from "node:fs";
import type { Command } from "commander";
import { createProgram } from "../../src/cli/program.ts";

const CLI = new URL("../../src/cli/", import.meta.url);

/** Every command, as its file adds it. */
export async function commands(): Promise<readonly Command[]> {
  const program = createProgram();
  for (const file of readdirSync(CLI).filter((name) => name.endsWith(".ts"))) {
    const exported = (await import(new URL(file, CLI).href)) as Readonly<Record<string, unknown>>;
    for (const [name, add] of Object.entries(exported)) {
      if (/^add\w+Command$/.test(name)) (add as (program: Command) => void)(program);
    }
  }
  const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];
  return program.commands.flatMap(all);
}
