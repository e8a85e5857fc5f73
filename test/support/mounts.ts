/** Small and read-only file systems of the test's own. Only root can mount; whoever is not skips these tests and is told. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const MAY_MOUNT = process.getuid?.() === 0 && process.platform === "linux";

export function mountSmall(directory: string, megabytes: number): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory]);
}

/**
 * Lays the same directory over itself, read-only. What is open stays as it was.
 * In one step, as nothing may be opened on a mount while it becomes read-only: the copy of a read-only one is read-only.
 */
export function mountReadOnly(directory: string): void {
  const aside = mkdtempSync(join(tmpdir(), "mm4d-read-only-"));
  execFileSync("mount", ["--bind", directory, aside]);
  try {
    execFileSync("mount", ["-o", "remount,bind,ro", aside]);
    execFileSync("mount", ["--bind", aside, directory]);
  } finally {
    unmount(aside);
    rmdirSync(aside);
  }
}

export function unmount(directory: string): void {
  execFileSync("umount", ["--lazy", directory]);
}
