import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runnerOf } from "../../src/cli/find-service.ts";

test("a data directory that is a group's is run by whoever holds the port, where its socket cannot be looked at", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mm4d-group-"));
  try {
    const look = { dataDir, uid: 1000 };
    const holder = { uid: 1001, process: null };
    const told = (mode: number) => {
      chmodSync(dataDir, mode);
      return [runnerOf(look, holder), runnerOf(look, undefined)];
    };
    expect(told(0o770)).toEqual([1001, 1000]);
    expect(told(0o2770)).toEqual([1001, 1000]);
    expect(told(0o700)).toEqual([1000, 1000]);
    expect(told(0o755)).toEqual([1000, 1000]);
    writeFileSync(join(dataDir, "control.sock"), "");
    expect(told(0o770)).toEqual([1000, 1000]);
    expect(runnerOf({ ...look, dataDir: join(dataDir, "none") }, holder)).toBe(1000);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
