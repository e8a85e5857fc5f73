#!/usr/bin/env node
/** The command line's door: arguments → command. Exit codes: 0 done, 1 failed, 2 wrong usage. */
import { Command, CommanderError } from "commander";
import { VERSION } from "./version.ts";

/**
 * In the order of the help. Only the one that is asked for is loaded: what all of
 * them use together takes a second to load on a small machine.
 */
const COMMANDS = {
  serve: async () => (await import("./cli/serve.ts")).addServeCommand,
  send: async () => (await import("./cli/send.ts")).addSendCommand,
  mmsc: async () => (await import("./cli/mmsc.ts")).addMmscCommand,
  tail: async () => (await import("./cli/tail.ts")).addTailCommand,
  trace: async () => (await import("./cli/trace.ts")).addTraceCommand,
  quarantine: async () => (await import("./cli/quarantine.ts")).addQuarantineCommand,
  failed: async () => (await import("./cli/failed.ts")).addFailedCommand,
  acks: async () => (await import("./cli/acks.ts")).addAcksCommand,
  journal: async () => (await import("./cli/journal.ts")).addJournalCommand,
  peers: async () => (await import("./cli/peers.ts")).addPeersCommand,
  refusals: async () => (await import("./cli/refusals.ts")).addRefusalsCommand,
  status: async () => (await import("./cli/status.ts")).addStatusCommand,
  stats: async () => (await import("./cli/stats.ts")).addStatsCommand,
  doctor: async () => (await import("./cli/doctor.ts")).addDoctorCommand,
  "log-level": async () => (await import("./cli/log-level.ts")).addLogLevelCommand,
  codes: async () => (await import("./cli/codes.ts")).addCodesCommand,
  explain: async () => (await import("./cli/explain.ts")).addExplainCommand,
  config: async () => (await import("./cli/config.ts")).addConfigCommand,
  fixtures: async () => (await import("./cli/fixtures.ts")).addFixturesCommand,
  schema: async () => (await import("./cli/schema.ts")).addSchemaCommand,
};

const program = new Command("mm4d")
  .description(
    "Receives MMS delivery reports over MM4 (SMTP) and puts one normalised event per report on a BullMQ queue.",
  )
  .version(VERSION)
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
    process.stderr.write(`${(cause as Error).message}\n`);
    process.exitCode = 1;
  }
}
