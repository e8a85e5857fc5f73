/** Small and read-only file systems of the test's own. Only root can mount; whoever is not skips these tests and is told. */
import { execFileSync } from "node:child_process";

export const MAY_MOUNT = process.getuid?.() === 0 && process.platform === "linux";

export function mountSmall(directory: string, megabytes: number): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory]);
}

/** Lays the same directory over itself, read-only. What is open stays as it was. */
export function mountReadOnly(directory: string): void {
  execFileSync("mount", ["--bind", directory, directory]);
  execFileSync("mount", ["-o", "remount,bind,ro", directory]);
}

export function unmount(directory: string): void {
  execFileSync("umount", ["--lazy", directory]);
}
