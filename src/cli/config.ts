/** `mm4d config`: prints every effective setting, and where it comes from. */
import type { Command } from "commander";
import { SETTINGS, type SettingName } from "../settings/config.ts";
import { shownValue } from "../settings/shown.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, print } from "./terminal.ts";

export function addConfigCommand(program: Command): void {
  program
    .command("config")
    .description("print every setting with its value and where it came from, secrets masked")
    .option("--json", "print them as JSON")
    .action(printConfig);
}

function printConfig({ json }: { json?: true }): void {
  const { origins, texts, files } = loadSettings("read the settings");
  const rows = (Object.keys(SETTINGS) as SettingName[]).map((name) => ({
    name: SETTINGS[name].env,
    value: shownValue(name, texts[name]),
    origin: origins[name],
    ...(files[name] === undefined ? {} : { file: files[name] }),
    about: SETTINGS[name].about,
  }));
  if (json) {
    print(jsonOf(rows, 2));
    return;
  }
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, value, origin, file } of rows) {
    const from = file === undefined ? origin : `${origin} ${file}`;
    print(`${name.padEnd(width)}  ${value === "" ? "-" : value}${origin === "default" ? "" : `  (${from})`}`);
  }
  print("\nWithout a mark: the default. - : not set.");
}
