import { expect, test } from "vitest";
import { runCommandWithin } from "../support/command-within.ts";
import { commands } from "../support/commands.ts";

test("every command's help fits 80 columns, and mm4d lists it", async () => {
  const found = await commands();
  expect(found.length).toBeGreaterThan(30);
  const listed = (await runCommandWithin(["--help"])).stdout;
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
    for (const option of ["--data-dir <dir>", "--env-file <file>"]) expect(help).toContain(`\n  ${option}`);
    for (const line of help.split("\n"))
      expect([command.name(), line.length <= 80, line]).toEqual([command.name(), true, line]);
    if (command.parent?.name() === "mm4d") expect(listed).toContain(`\n  ${command.name()}`);
  }
  for (const line of listed.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});
