/** `mm4d serve`: runs the service until it is told to stop. */
import type { Command } from "commander";
import type { Config } from "../config.ts";
import { describeRedis } from "../queue/redis.ts";
import { type Service, startService } from "../service.ts";
import { loadSettings } from "./settings.ts";

export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description("run the service until SIGTERM or Ctrl-C; a second signal ends it at once")
    .addHelpText(
      "after",
      `
The log goes to stdout, one JSON line per fact; what it listens on is also
said on stderr, in plain words. Without REDIS_URL a Redis of its own is
started, with its data under MM4D_DATA_DIR.

SIGHUP reads the catalogue, the peers and the certificate again; on a
terminal it ends the service.`,
    )
    .action(serve);
}

async function serve(): Promise<void> {
  const { config } = loadSettings("start");
  // Whatever is created belongs to us alone: the journal holds telephone numbers.
  process.umask(0o077);
  // From the first moment: what is being started must be stopped in order too.
  const signalled = firstSignal();
  const service = await startService(config);
  process.stderr.write(welcome(service, config));

  // A terminal that is closed takes the service along; elsewhere the signal asks to read the files again.
  if (!process.stdout.isTTY) process.on("SIGHUP", () => service.reload());
  await signalled;
  process.exit((await service.stop()) ? 0 : 1);
}

/** A signal that comes twice within this time was sent once: npm passes on what the terminal sends to everybody. */
const ECHO_MS = 250;

/** Resolves at the first SIGTERM or SIGINT. The second one ends the process where it stands. */
function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    let first: { signal: NodeJS.Signals; atMs: number } | undefined;
    const signalled = (signal: NodeJS.Signals): void => {
      const atMs = performance.now();
      if (first?.signal === signal && atMs - first.atMs < ECHO_MS) return;
      if (first) process.exit(signal === "SIGINT" ? 130 : 143);
      first = { signal, atMs };
      resolve();
    };
    process.on("SIGTERM", signalled);
    process.on("SIGINT", signalled);
    if (process.stdout.isTTY) process.on("SIGHUP", signalled);
  });
}

function welcome(service: Service, { queue }: Config): string {
  const { smtp, smtps, admin, redis: place, embedded, takesLoopback, notes } = service;
  const redis = `${describeRedis(place)}${embedded ? " (embedded, started by mm4d)" : ""}`;
  return [
    `mm4d takes MM4 reports on smtp://${at(smtp)}`,
    ...(smtps === null ? [] : [`  and on smtps://${at(smtps)}, with TLS from the beginning,`]),
    `  and answers http://${at(admin)}/healthz`,
    `  Redis: ${redis}`,
    `  Queue: ${queue}`,
    ...notes.map((note) => `  ${note.replaceAll(". ", ".\n    ")}`),
    "Try, in a second terminal:",
    "  npx mm4d tail",
    // Where only others may connect, it would be refused.
    ...(!takesLoopback ? [] : ["  npx mm4d send --status Rejected --code 470"]),
    "",
  ].join("\n");
}

function at({ host, port }: { host: string; port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
