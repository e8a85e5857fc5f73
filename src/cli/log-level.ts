/** `mm4d log-level`: how much a running service writes, without a restart. */
import { Argument, type Command } from "commander";
import { LOG_LEVELS, type LogLevel } from "../settings/config.ts";
import { changeLogLevel } from "./running-service.ts";
import { print } from "./terminal.ts";

export function addLogLevelCommand(program: Command): void {
  program
    .command("log-level")
    .description("change how much the running service logs, until it is started again")
    .addArgument(new Argument("<level>", "least severe lines that are written").choices(LOG_LEVELS))
    .action(change);
}

async function change(level: LogLevel): Promise<void> {
  const before = await changeLogLevel(level);
  print(`The log level is ${level} now; it was ${before}.`);
}
