/**
 * Programs that are started for a run, and what they use.
 *
 * Whatever way this process ends, they end before it, by their ids, and the
 * temporary directories go: everything here that does so is synchronous.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What is measured has a core of its own; the load, Redis and this process share the other. */
export const SERVER_CORE = 0;
export const LOAD_CORE = availableParallelism() > 1 ? 1 : 0;
export const ANY_CORE = `${SERVER_CORE},${LOAD_CORE}`;
export const TICKS_PER_SECOND = 100;
const START_DEADLINE_MS = 20_000;

const running = new Set();
const directories = new Set();
const endings = [];

process.on("exit", leaveNothing);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

function leaveNothing() {
  for (const child of running) child.kill("SIGKILL");
  for (const directory of directories) remove(directory);
  for (const ending of endings) ending();
}

/** Does this too before this process ends. Must be synchronous. */
export function atEnd(ending) {
  endings.push(ending);
}

export function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-bench-"));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory) {
  remove(directory);
  directories.delete(directory);
}

function remove(directory) {
  // A program that was just killed may still be writing its last file.
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Starts a program on one core. */
export function start([program, ...args], { core, env = {}, stdio = ["ignore", "ignore", "inherit"] }) {
  const child = spawn("taskset", ["-c", String(core), program, ...args], { env: { ...cleanEnv(), ...env }, stdio });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** The environment without settings of the one who runs the benchmark. */
function cleanEnv() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MM4D_|REDIS_URL)/.test(name)));
}

/** Nothing that is measured has an end worth waiting for: its data goes with it. */
export async function kill(child, signal = "SIGKILL") {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

/** Runs a program of ours to its end, and gives what it printed, which is JSON. */
export async function run(args, options) {
  const child = start(args, { ...options, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`Cannot go on: ${args.join(" ")} ended with ${code}`);
  return JSON.parse(printed);
}

/** Waits until a program listens. */
export async function listening(child, port) {
  const deadlineMs = performance.now() + START_DEADLINE_MS;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    if (child.exitCode !== null) throw new Error(`Cannot start ${child.spawnargs.join(" ")}: it ended`);
    if (performance.now() > deadlineMs)
      throw new Error(`Cannot start ${child.spawnargs.join(" ")}: it does not listen`);
    await sleep(20);
  }
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

/** CPU time that a process has used, with what its children used that have ended. */
export function cpuSeconds(child) {
  const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return (user + system + childrenUser + childrenSystem) / TICKS_PER_SECOND;
}

export function rssBytes(child) {
  return memoryBytes(child, "VmRSS");
}

/** The most that it had resident since it started, or since `forgetPeak`. */
export function peakBytes(child) {
  return memoryBytes(child, "VmHWM");
}

/** proc_pid_clear_refs(5): "5" sets the peak to what is resident now. */
export function forgetPeak(child) {
  writeFileSync(`/proc/${child.pid}/clear_refs`, "5");
}

function memoryBytes(child, name) {
  const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) * 1024;
}

/** CPU time that all of the machine has used, and what the host took from it. */
export function machineSeconds() {
  const [, user, nice, system, , , irq, softirq, stolen] = readFileSync("/proc/stat", "latin1")
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq + stolen) / TICKS_PER_SECOND;
}

/** This process goes to the load's core, so that it does not disturb what is measured. */
export function stepAside() {
  execFileSync("taskset", ["-cp", String(LOAD_CORE), String(process.pid)], { stdio: "ignore" });
}
