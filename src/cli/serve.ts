/** `mm4d serve`: runs the service until it is told to stop. */
import cluster from "node:cluster";
import type { Command } from "commander";
import { createLog } from "../monitoring/log.ts";
import { ALIVE, type Assignment, LISTENING, type Processes, type Started, startProcesses } from "../process/cluster.ts";
import { unusable } from "../process/data-directory.ts";
import { processNumbers } from "../process/directories.ts";
import { keepHeapSmall } from "../process/heap.ts";
import { connectSystemd } from "../process/systemd.ts";
import { describeRedis, redisOf } from "../queue/redis.ts";
import { type Service, startService } from "../service/service.ts";
import type { Config } from "../settings/config.ts";
import { ownName } from "./own-name.ts";
import { loadSettings, settingsForOthers } from "./settings.ts";
import { tell } from "./terminal.ts";

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
terminal it ends the service.

MM4D_PROCESSES=auto shares the work among as many processes as there are cores.
One that ends is started again, and goes on with the same journal.`,
    )
    .action(serve);
}

async function serve(): Promise<void> {
  const { config, notes } = loadSettings("start");
  // Only our user may read the files we create, because the journal holds telephone numbers.
  process.umask(0o077);
  keepHeapSmall();
  if (cluster.isWorker) return serveAsOneOfSeveral(config, notes);
  let kill = (): void => {};
  // Listens for signals from the first moment, because a service that is starting must also stop in order.
  const signalled = firstSignal(() => kill());
  const systemd = connectSystemd(process.env);
  const numbers = numbersOf(config);
  const service =
    numbers.length === 1
      ? await startAlone(config, notes)
      : await startSeveral(config, numbers, systemd.watchdogMs, settingsForOthers()).catch(end);
  kill = service.kill;
  tell(service.welcome);
  systemd.ready('Takes reports; "mm4d status" says how it is');

  // On a terminal SIGHUP means that it was closed, and ends the service; elsewhere it asks to read the files again.
  if (!process.stdout.isTTY) process.on("SIGHUP", () => service.reload());
  await signalled;
  systemd.stopping("Finishes what is open");
  process.exit((await service.stop()) ? 0 : 1);
}

function numbersOf({ dataDir, processes }: Config): readonly number[] {
  try {
    return processNumbers(dataDir, processes);
  } catch (cause) {
    throw unusable(dataDir, cause as Error);
  }
}

async function startAlone(config: Config, notes: readonly string[]): Promise<Processes> {
  const service = await startService(config, undefined, { settingsNotes: notes });
  return { welcome: welcome(service, config), reload: service.reload, stop: service.stop, kill() {} };
}

function startSeveral(
  config: Config,
  numbers: readonly number[],
  hangMs: number | null,
  env: Readonly<Record<string, string>>,
): Promise<Processes> {
  const log = createLog({ level: config.logLevel, numbers: config.logNumbers, process: null });
  return startProcesses({
    // Read once, because a file may change while the service runs.
    env,
    numbers,
    count: config.processes,
    embedded: redisOf(config) === undefined,
    onEnded: (ended) => log.processEnded(ended),
    hangMs,
    stopDeadlineMs: config.shutdownDelayMs + 2 * config.shutdownGraceMs + STOP_SPARE_MS,
  });
}

/** Says nothing: the process that could not start has said why. */
function end(): never {
  process.exit(1);
}

async function serveAsOneOfSeveral(config: Config, notes: readonly string[]): Promise<void> {
  const told = whatIsTold();
  process.send?.(LISTENING);
  const assignment = await told.assignment;
  if (assignment === "stop") process.exit(0);
  try {
    const service = await startService(config, assignment, { settingsNotes: notes });
    const started: Started = { welcome: welcome(service, config), redisUrl: service.redis.redisUrl };
    process.send?.(started);
    told.onReload(service.reload);
    const takesReports = assignment.number <= assignment.count;
    await (takesReports ? told.stop : Promise.race([told.stop, service.emptied()]));
    process.exit((await service.stop()) ? 0 : 1);
  } catch (cause) {
    tell((cause as Error).message);
    process.exit(1);
  }
}

/** What the parent process tells each of several processes. */
function whatIsTold() {
  let reload = (): void => {};
  // Ignores the terminal's signals, which reach every process, because the parent tells us.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  const stop = new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.on("message", (what) => {
      if (what === "stop") resolve();
      if (what === "reload") reload();
      if (what === ALIVE) process.send?.(ALIVE);
    });
  });
  return {
    /** Resolves also when there is nothing left to do. */
    assignment: new Promise<Assignment | "stop">((resolve) => process.once("message", resolve)),
    stop,
    onReload(then: () => void) {
      reload = then;
    },
  };
}

/** How long each of several processes may take to end, in addition to what the settings grant. */
const STOP_SPARE_MS = 60_000;

/** Two signals within this time count as one, because npm passes on a signal that the terminal sends to all processes. */
const ECHO_MS = 250;

/** Resolves at the first SIGTERM or SIGINT. The second calls `onSecond` and ends the process at once. */
function firstSignal(onSecond: () => void): Promise<void> {
  return new Promise((resolve) => {
    let first: { signal: NodeJS.Signals; atMs: number } | undefined;
    const signalled = (signal: NodeJS.Signals): void => {
      const atMs = performance.now();
      if (first?.signal === signal && atMs - first.atMs < ECHO_MS) return;
      if (first) {
        onSecond();
        process.exit(signal === "SIGINT" ? 130 : 143);
      }
      first = { signal, atMs };
      resolve();
    };
    process.on("SIGTERM", signalled);
    process.on("SIGINT", signalled);
    if (process.stdout.isTTY) process.on("SIGHUP", signalled);
  });
}

function welcome(service: Service, { queue, processes }: Config): string {
  const { smtp, smtps, admin, redis: place, redisUrlFile, takesLoopback, notes } = service;
  return [
    `Listening for MM4 reports on smtp://${at(smtp)}`,
    ...(smtps === null ? [] : [`  and on smtps://${at(smtps)}, with TLS from the beginning`]),
    `  Page: http://${at(admin)}/`,
    `  Redis: ${describeRedis(place)}${redisUrlFile === null ? "" : " (embedded, started by mm4d)"}`,
    ...(redisUrlFile === null ? [] : [`    whose URL for consumers is in ${redisUrlFile}`]),
    `  Queue: ${queue}`,
    ...(processes === 1 ? [] : [`  Processes: ${processes}`]),
    ...notes.map((note) => `  ${note.replaceAll(". ", ".\n    ")}`),
    "Try, in a second terminal:",
    `  ${ownName()} tail`,
    // An address for others only would refuse us.
    ...(!takesLoopback ? [] : [`  ${ownName()} send --status Rejected --code 470`]),
  ].join("\n");
}

function at({ host, port }: { host: string; port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
