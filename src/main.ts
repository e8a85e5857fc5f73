#!/usr/bin/env node
/**
 * The program's first lines: in words that old Node.js understands, and without
 * any import of their own, because those are loaded before the first line runs.
 */

// Whoever may send it would open Node.js's debugger, and run there what he likes.
process.on("SIGUSR1", () => {});
closeDebugger();
// Node.js may still be opening it for a signal that came before the line above.
setTimeout(closeDebugger, 500).unref();

const LEAST_MAJOR = 20;
const LEAST_MINOR = 15;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major > LEAST_MAJOR || (major === LEAST_MAJOR && minor >= LEAST_MINOR)) {
  import("./cli/command-line.ts").then((commandLine) => commandLine.runCommandLine());
} else {
  const least = `${LEAST_MAJOR}.${LEAST_MINOR}`;
  process.stderr.write(`mm4d needs Node.js ${least} or newer, this is ${process.versions.node}\n`);
  process.exitCode = 1;
}

/** One that a signal has opened before we could say that none should; not one that was asked for. */
function closeDebugger() {
  const options = process.execArgv.concat(process.env.NODE_OPTIONS || "").join(" ");
  if (/--inspect/.test(options)) return;
  import("node:inspector").then((inspector) => inspector.url() && inspector.close());
}
