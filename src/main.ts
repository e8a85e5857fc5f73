#!/usr/bin/env node
/**
 * The program's first lines. They use only what old Node.js understands, and import
 * nothing statically, because imports load before the first line runs.
 */

// SIGUSR1 would open Node.js's debugger, and who can send it could run any code there.
process.on("SIGUSR1", () => {});
closeDebugger();
// Node.js may still be opening the debugger for a signal that came before these lines.
setTimeout(closeDebugger, 500).unref();

const LEAST_MAJOR = 20;
const LEAST_MINOR = 15;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major > LEAST_MAJOR || (major === LEAST_MAJOR && minor >= LEAST_MINOR)) {
  Promise.all([import("node:module"), import("node:fs")])
    .then(([module, fs]) => keepCompiled(module, fs.existsSync))
    .then(() => import("./cli/command-line.ts"))
    .then((commandLine) => commandLine.runCommandLine());
} else {
  const least = `${LEAST_MAJOR}.${LEAST_MINOR}`;
  process.stderr.write(`mm4d needs Node.js ${least} or newer, this is ${process.versions.node}\n`);
  process.exitCode = 1;
}

/** Closes a debugger that a signal opened before we ignored signals, but not one that was asked for. */
function closeDebugger() {
  const options = process.execArgv.concat(process.env.NODE_OPTIONS || "").join(" ");
  if (/--inspect/.test(options)) return;
  import("node:inspector").then((inspector) => inspector.url() && inspector.close());
}

/**
 * Has Node.js 22.1 and newer keep what it compiles for the next start, where the build made a directory for that.
 * An installed package has none, because a command should not write beside the program's own files.
 */
function keepCompiled(module: object, exists: (path: string) => boolean) {
  const { enableCompileCache } = module as { enableCompileCache?: (directory: string) => unknown };
  const directory = `${import.meta.dirname}/.compile-cache`;
  // Node.js goes on without the directory where it cannot write there.
  if (enableCompileCache && exists(directory)) enableCompileCache(directory);
}
