/** The whole service: as a process of its own, as `npm start` runs it, or within the test's. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { askService } from "../../src/cli/running-service.ts";
import { REASON_TIMES, type ReasonTimes } from "../../src/monitoring/reason-times.ts";
import type { ServiceFacts } from "../../src/process/control.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { eventually, freePort } from "./redis.ts";

export const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
/** Node.js 20 cannot start a thread of TypeScript. */
export const VIEWS_THREAD = new URL("../../dist/views/thread.js", import.meta.url);
/** The same of the thread that packs the archive. */
export const PACKING_THREAD = new URL("../../dist/archive/packing-thread.js", import.meta.url);

/** What a test may ask of a service, wherever it runs. */
export interface ServiceUnderTest {
  readonly smtpPort: number;
  readonly adminPort: number;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  facts(): ServiceFacts;
  /** What it logged so far, one object a line. */
  log(): readonly Record<string, unknown>[];
  /** Its log as it was written. */
  written(): string;
  get(path: string): Promise<{ status: number; text: string }>;
  /** The sum of a metric over its labels, or of `name{first="label"}` over the others, once it fits. */
  metric(name: string, fits?: (value: number) => boolean): Promise<number>;
  /** Ends it, and whatever it left running, and removes its data. */
  stop(): Promise<void>;
}

/** One that is a process of its own. */
export interface TestService extends ServiceUnderTest {
  /** What it said in plain words. */
  said(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  exited(): Promise<number | NodeJS.Signals | null>;
  /** Starts it again after it has ended: same ports, same data. */
  restart(): Promise<void>;
}

/** The environment without settings of the one who runs the tests. */
export function cleanEnv(settings: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("MM4D_") && !name.startsWith("REDIS_URL"),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...settings };
}

/** `under`: a command that runs it, such as strace with its options. `main`: where else mm4d is installed. */
export async function startServiceProcess(
  settings: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
  main = MAIN,
): Promise<TestService> {
  const { parent, dataDir, smtpPort, adminPort, env } = await placeOf(settings);
  let child: ChildProcess;
  let exit: Promise<number | NodeJS.Signals | null>;
  let facts: ServiceFacts | undefined;
  let logged = "";
  let said = "";

  async function start(): Promise<void> {
    const [program = "", ...args] = [...under, process.execPath, main, "serve"];
    child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    exit = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      logged += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    facts = await eventually(
      () => askService({ dataDir }),
      (answer) => {
        if (child.exitCode !== null) throw new Error(`The service ended with ${child.exitCode}: ${said}`);
        return answer !== undefined;
      },
    );
  }
  await start();

  return {
    smtpPort,
    adminPort,
    dataDir,
    env,
    facts: () => facts as ServiceFacts,
    log: () => linesOf(logged),
    written: () => logged,
    said: () => said,
    signal: (signal) => void child.kill(signal),
    exited: () => exit,
    restart: start,
    ...over(adminPort),
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      await exit;
      clearTimeout(timer);
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** One within the test's own process. */
export interface ServiceWithin extends ServiceUnderTest {
  /** As SIGHUP to a process. */
  reload(): void;
  /** Stops it in order, and starts it again: same ports, same data. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
}

interface Within {
  /** After which something is a reason, where those of the product are too long for a test. */
  readonly times?: Partial<ReasonTimes>;
  /** The program of the views' thread. */
  readonly viewsThread?: URL;
  /** The program of the archive's. */
  readonly packingThread?: URL;
}

/**
 * The service within the test's own process: it starts in a tenth of the time. For
 * tests that neither kill, signal nor measure a process. Its log is read, and goes
 * nowhere else.
 */
export async function startServiceWithin(
  settings: Readonly<Record<string, string>> = {},
  { times = {}, viewsThread = VIEWS_THREAD, packingThread = PACKING_THREAD }: Within = {},
): Promise<ServiceWithin> {
  const { parent, dataDir, smtpPort, adminPort, env } = await placeOf(settings);
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(loaded.error.join("\n"));
  const { config, notes } = loaded.value;
  let logged = "";
  const logTo = {
    write(line: string) {
      logged += line;
    },
  };
  // Loaded by those that start one: it has every room, and every package.
  const { startService } = await import("../../src/service/service.ts");
  const start = () =>
    startService(config, undefined, {
      times: { ...REASON_TIMES, ...times },
      logTo,
      settingsNotes: notes,
      viewsThread,
      packingThread,
    });
  let service = await start();
  let facts = await askService({ dataDir });
  return {
    smtpPort,
    adminPort,
    dataDir,
    env,
    facts: () => facts as ServiceFacts,
    log: () => linesOf(logged),
    written: () => logged,
    reload: () => service.reload(),
    ...over(adminPort),
    async restart(meanwhile = async () => {}) {
      if (!(await service.stop())) throw new Error("The service did not end in order");
      await meanwhile();
      service = await start();
      facts = await askService({ dataDir });
    },
    async stop() {
      await service.stop();
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** Ports and a data directory of its own, and the settings that say so. */
async function placeOf(settings: Readonly<Record<string, string>>) {
  const parent = mkdtempSync(join(tmpdir(), "mm4d-test-"));
  const dataDir = settings.MM4D_DATA_DIR ?? join(parent, "data");
  const [smtpPort, adminPort] = [await freePort(), await freePort()];
  const env = cleanEnv({
    MM4D_SMTP_PORT: String(smtpPort),
    MM4D_ADMIN_PORT: String(adminPort),
    MM4D_DATA_DIR: dataDir,
    // No balancer looks at the tests.
    MM4D_SHUTDOWN_DELAY_MS: "0",
    ...settings,
  });
  return { parent, dataDir, smtpPort, adminPort, env };
}

function linesOf(logged: string): readonly Record<string, unknown>[] {
  return logged
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What HTTP tells of it. */
function over(adminPort: number): Pick<ServiceUnderTest, "get" | "metric"> {
  async function get(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
    return { status: response.status, text: await response.text() };
  }

  return {
    get,
    metric(name, fits = () => true) {
      return eventually(async () => {
        const { text } = await get("/metrics");
        const lines = text
          .split("\n")
          .filter(
            (line) =>
              line.startsWith(`${name} `) || line.startsWith(name.includes("{") ? name.slice(0, -1) : `${name}{`),
          );
        return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
      }, fits);
    },
  };
}

/** Runs one command of the command line to its end. */
export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = cleanEnv({}),
  input = "",
  /** Where it is run, and as whom; under a command, such as unshare with its options. */
  { under = [], ...place }: { readonly cwd?: string; readonly uid?: number; readonly under?: readonly string[] } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const [program = "", ...words] = [...under, process.execPath, MAIN, ...args];
    const child = spawn(program, words, {
      ...place,
      env: { ...env, COLUMNS: "80" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.stdin.end(input);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** What a command has printed as an object a line. */
export function rowsOf<Row = Readonly<Record<string, unknown>>>(stdout: string): readonly Row[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}
