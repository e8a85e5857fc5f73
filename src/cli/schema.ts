/** `mm4d schema`: prints the JSON Schema of the event. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { print } from "./terminal.ts";

export function addSchemaCommand(program: Command): void {
  program
    .command("schema")
    .description("print the JSON Schema of the event (draft 7)")
    .action(() => {
      print(readFileSync(new URL("../delivery-event.schema.json", import.meta.url), "utf8").trimEnd());
    });
}
