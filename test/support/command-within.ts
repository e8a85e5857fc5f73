/**
 * A command of the command line within the test's own process. It takes a tenth of
 * what a process takes, because what it imports is loaded once.
 *
 * Not for `serve`, `tail` and `mmsc`, which end by signals; not for what comes on
 * stdin, for `schema`, which reads dist/, for a clock or a current directory of its
 * own, nor for what is about the process itself: those are for `runCommand` of
 * service.ts. test/cli/within.test.ts holds the two against each other.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { runCommandLine } from "../../src/cli/command-line.ts";
import { cleanEnv, MAIN } from "./service.ts";

/** What a process has of its own, and commands look at. */
interface Place {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Pipes: no terminal, and so 80 columns. */
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
}

const places = new AsyncLocalStorage<Place>();

// A command, and all that it starts, finds its own in `process`. All others find what was there before.
for (const name of ["argv", "env", "stdout", "stderr"] as const) {
  const { get, value } = Object.getOwnPropertyDescriptor(process, name) ?? {};
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get: () => places.getStore()?.[name] ?? (get ? get.call(process) : value),
  });
}

let before: Promise<unknown> = Promise.resolve();

/** Runs one command to its end, behind those that are run already: the exit code, and the options of all commands, are the process's. */
export function runCommandWithin(
  args: readonly string[],
  env: Readonly<Record<string, string>> = cleanEnv({}),
): Promise<{ code: number; stdout: string; stderr: string }> {
  const running = before.then(() => run(args, env));
  before = running.catch(() => {});
  return running;
}

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = Promise.all([text(stdout), text(stderr)]);
  const argv = [process.execPath, MAIN, ...args];
  const kept = process.exitCode;
  process.exitCode = undefined;
  try {
    await places.run({ argv, env: { ...env, COLUMNS: "80" }, stdout, stderr }, runCommandLine);
    const code = Number(process.exitCode ?? 0);
    stdout.end();
    stderr.end();
    const [out, err] = await output;
    return { code, stdout: out, stderr: err };
  } finally {
    process.exitCode = kept;
  }
}
