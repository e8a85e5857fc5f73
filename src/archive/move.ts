/** Takes a segment out of the journal into the archive, also where these stand on disks of their own. */
import { existsSync, readFileSync } from "node:fs";
import { copyFile, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/** What is gone already is no fault: somebody has removed it, and the journal tells of that where it matters. */
export async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" && !existsSync(from)) return;
    if (code !== "EXDEV") throw cause;
    // The journal has a disk of its own.
    await copyFile(from, `${to}.new`);
    // A machine that crashes must not lose both.
    await sync(`${to}.new`);
    await rename(`${to}.new`, to);
    await sync(dirname(to));
    await unlink(from);
  }
}

/** A kill may have come before the segment was removed that is copied to another disk. */
export function isCopy(waiting: string, segment: string): boolean {
  return existsSync(segment) && readFileSync(waiting).equals(readFileSync(segment));
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
