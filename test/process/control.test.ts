import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { takeControl } from "../../src/process/control.ts";

const directory = () => mkdtempSync(join(tmpdir(), "mm4d-control-"));

/** Leaves a socket behind, as a process that was killed does. */
async function leaveStale(dataDir: string): Promise<void> {
  const script = 'require("node:net").createServer().listen(process.argv[1], () => process.stdout.write("."))';
  const child = spawn(process.execPath, ["-e", script, join(dataDir, "control.sock")]);
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
}

const attempts = (dataDir: string) => Promise.allSettled(Array.from({ length: 10 }, () => takeControl(dataDir)));
const taken = (results: Awaited<ReturnType<typeof attempts>>) =>
  results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));

test("of many that start at once exactly one gets the directory, whether it was free or left by a crash", async () => {
  for (const prepare of [async () => {}, leaveStale]) {
    for (let round = 0; round < 10; round++) {
      const dataDir = directory();
      await prepare(dataDir);
      const winners = taken(await attempts(dataDir));
      expect(winners.length).toBe(1);
      // The others neither took the socket away nor may take it now.
      expect(taken(await attempts(dataDir))).toEqual([]);
      await winners[0]?.release();
      expect(existsSync(join(dataDir, "control.sock"))).toBe(false);
    }
  }
});

test("whoever stays connected, or talks, does not keep the service from ending", async () => {
  const dataDir = directory();
  const control = await takeControl(dataDir);
  const staying = createConnection({ path: join(dataDir, "control.sock"), allowHalfOpen: true });
  staying.on("error", () => {});
  await once(staying, "connect");
  staying.write("hello\n");
  await control.release();
  staying.destroy();
});

test("a path that is too long for a socket is told, and nothing is created", async () => {
  await expect(takeControl(`/tmp/${"x".repeat(120)}`)).rejects.toThrow("is longer than 103 bytes, must be shorter");
});

test("a guard that a crash left long ago does not keep anybody out", async () => {
  const dataDir = directory();
  await leaveStale(dataDir);
  const guard = join(dataDir, "control.sock.takeover");
  writeFileSync(guard, "");
  await expect(takeControl(dataDir)).rejects.toThrow("another mm4d is using it");
  utimesSync(guard, 0, 0);
  await (await takeControl(dataDir)).release();
});

test("a directory that was removed and made anew is locked again, unless another has it by then", async () => {
  const dataDir = directory();
  const control = await takeControl(dataDir);
  await control.hold();
  rmSync(dataDir, { recursive: true });
  await expect(control.hold()).rejects.toThrow();
  mkdirSync(dataDir);
  await control.hold();
  await expect(takeControl(dataDir)).rejects.toThrow("another mm4d is using it");

  rmSync(dataDir, { recursive: true });
  mkdirSync(dataDir);
  const other = await takeControl(dataDir);
  await expect(control.hold()).rejects.toThrow("another mm4d is using it");
  // What is the other's stays the other's.
  await control.release();
  await expect(takeControl(dataDir)).rejects.toThrow("another mm4d is using it");
  await other.release();
});
