/** What recovery has set aside in `damaged/`: changed for one purpose only, to forget a party. */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DAMAGED } from "./segments.ts";

/**
 * Has `without` blot a party out of each file, a character a byte and of the same length, and gives
 * the files where it stood. What is around it stays, for whoever looks at the damage.
 */
export async function blotDamaged(
  directory: string,
  without: (text: string) => Promise<string>,
  dryRun: boolean,
): Promise<readonly string[]> {
  const blotted: string[] = [];
  for (const path of filesIn(join(directory, DAMAGED))) {
    const before = readFileSync(path, "latin1");
    const after = await without(before);
    if (after === before) continue;
    if (!dryRun) overwrite(path, Buffer.from(after, "latin1"));
    blotted.push(path);
  }
  return blotted;
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}

/** In its place: a new file would leave the old bytes to the disk. */
function overwrite(path: string, bytes: Buffer): void {
  const handle = openSync(path, "r+");
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at, bytes.length - at, at);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
