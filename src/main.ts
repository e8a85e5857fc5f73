#!/usr/bin/env node
/**
 * The program's first lines: in words that old Node.js understands, and without
 * any import of their own, because those are loaded before the first line runs.
 */

// Whoever may send it would open Node.js's debugger, and run there what he likes.
process.on("SIGUSR1", () => {});

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
