/** The program's first lines, and what becomes of it where its outputs take nothing. */
import { exec, execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import nodeModule from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { askService } from "../src/cli/running-service.ts";
import { cleanEnv, MAIN, runCommand, startServiceProcess, type TestService } from "./support/service.ts";

let service: TestService | undefined;
afterAll(() => service?.stop());

/** In `sh`, with `mm4d` for the program. */
async function shell(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const run = promisify(exec)(line.replaceAll("mm4d", `'${process.execPath}' '${MAIN}'`), { env: cleanEnv({}) });
  return run.then(
    (said) => ({ code: 0, ...said }),
    (cause: { code: number; stdout: string; stderr: string }) => cause,
  );
}

test.each([
  ["18.20.8", 1],
  ["20.14.0", 1],
  ["9.11.2", 1],
  ["20.15.0", 0],
  ["21.0.0", 0],
  ["100.0.0", 0],
])("Node.js %s: it says what it needs, or does its work", async (version, code) => {
  const pretend = encodeURIComponent(`Object.defineProperty(process.versions, "node", { value: "${version}" })`);
  const env = cleanEnv({ NODE_OPTIONS: `--import data:text/javascript,${pretend}` });
  expect(await runCommand(["schema"], env)).toMatchObject({
    code,
    stderr: code === 0 ? "" : `mm4d needs Node.js 20.15 or newer, this is ${version}\n`,
  });
});

test("what it needs is what the package says, and nothing is loaded before that is looked at", () => {
  const { engines } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  expect(engines.node).toBe(">=20.15");
  const written = readFileSync(MAIN, "utf8");
  expect(written).not.toMatch(/^import\b|^export .*from|\bawait\b|\?\.|\?\?/m);
  expect(written.startsWith('#!/usr/bin/env sh\n":" //; exec node -- "$0" "$@"\n')).toBe(true);
});

test("Node.js keeps what it compiles where the build made a directory for that, and nowhere else", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-main-"));
  const kept = join(directory, "dist/.compile-cache");
  const start = () =>
    promisify(execFile)(process.execPath, [join(directory, "dist/main.js"), "codes", "470"], { env: cleanEnv({}) });
  try {
    for (const path of ["dist", "package.json"]) {
      cpSync(new URL(`../${path}`, import.meta.url), join(directory, path), { recursive: true });
    }
    symlinkSync(new URL("../node_modules", import.meta.url), join(directory, "node_modules"));
    expect(existsSync(kept)).toBe(true);
    rmSync(kept, { recursive: true });
    const { stdout } = await start();
    expect(existsSync(kept)).toBe(false);
    // One that it cannot write to: a file in its place, which stops root too.
    cpSync(join(directory, "package.json"), kept);
    expect(await start()).toEqual({ stdout, stderr: "" });
    rmSync(kept);
    mkdirSync(kept);
    expect(await start()).toEqual({ stdout, stderr: "" });
    expect(readdirSync(kept)).toHaveLength("enableCompileCache" in nodeModule ? 1 : 0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("an output that takes nothing: one sentence and exit code 1, where there is anywhere to say it", async () => {
  const full = "Cannot write the output: ENOSPC: no space left on device, write\n";
  const [codes, config, help, both, fault, closed] = await Promise.all([
    shell("mm4d codes > /dev/full"),
    shell("mm4d config --json > /dev/full"),
    shell("mm4d send --help > /dev/full"),
    shell("mm4d codes > /dev/full 2>&1"),
    shell("mm4d nonsense 2> /dev/full"),
    shell("mm4d codes 470 >&- 2>&-"),
  ]);
  for (const one of [codes, config, help]) expect(one).toMatchObject({ code: 1, stdout: "", stderr: full });
  expect([both?.code, fault?.code, closed?.code]).toEqual([1, 2, 0]);
});

test("a service whose stderr takes nothing goes on, and SIGUSR1 opens no debugger", async () => {
  service = await startServiceProcess({}, ["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]);
  service.signal("SIGUSR1");
  // Node.js opens it before the process does anything else.
  expect(await askService(service)).toMatchObject({ pid: service.facts().pid });
  expect(await refused(9229)).toBe("ECONNREFUSED");
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
});

test("a debugger that SIGUSR1 has opened before our first line is closed, and one that was asked for stays", async () => {
  // Loaded before our first line, as a signal may come before it.
  const signalled = `import { url } from "node:inspector";
    process.kill(process.pid, "SIGUSR1");
    for (const end = Date.now() + 10_000; !url() && Date.now() < end; );
    const opened = url() !== undefined;
    process.on("exit", () => console.error(opened, url() !== undefined));`;
  const run = async (options: string) => {
    const preload = `--import data:text/javascript,${encodeURIComponent(signalled)}`;
    const { code, stderr } = await runCommand(["codes"], cleanEnv({ NODE_OPTIONS: `${options} ${preload}` }));
    return [code, stderr.trim().split("\n").at(-1)];
  };
  expect(await run("")).toEqual([0, "true false"]);
  expect(await run("--inspect=0")).toEqual([0, "true true"]);
});

function refused(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code));
  });
}
