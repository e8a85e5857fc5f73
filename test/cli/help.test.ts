import { readdirSync } from "node:fs";
import { Command } from "commander";
import { expect, test } from "vitest";
import { runCommand } from "../support/service.ts";

const CLI = new URL("../../src/cli/", import.meta.url);

/** Every command, as its file adds it. */
async function commands(): Promise<readonly Command[]> {
  const program = new Command("mm4d");
  for (const file of readdirSync(CLI).filter((name) => name.endsWith(".ts"))) {
    const exported = (await import(new URL(file, CLI).href)) as Readonly<Record<string, unknown>>;
    for (const [name, add] of Object.entries(exported)) {
      if (/^add\w+Command$/.test(name)) (add as (program: Command) => void)(program);
    }
  }
  const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];
  return program.commands.flatMap(all);
}

test("every command's help fits 80 columns, and mm4d lists it", async () => {
  const found = await commands();
  expect(found.length).toBeGreaterThan(30);
  const listed = (await runCommand(["--help"])).stdout;
  for (const command of found) {
    let help = "";
    command.configureOutput({
      writeOut(text) {
        help += text;
      },
      getOutHelpWidth: () => 80,
    });
    command.outputHelp();
    expect(help).toContain(command.name());
    for (const line of help.split("\n"))
      expect([command.name(), line.length <= 80, line]).toEqual([command.name(), true, line]);
    if (command.parent?.name() === "mm4d") expect(listed).toContain(`\n  ${command.name()}`);
  }
  for (const line of listed.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});
