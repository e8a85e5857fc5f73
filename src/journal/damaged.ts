/** The directory `damaged/` of the journal: bytes that are no record, and unreadable segments, kept for a person. */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { crc32 } from "node:zlib";
import type { OnFault } from "./fault.ts";
import { type Position, segmentPath } from "./segments.ts";

/** Sets bytes aside that are no record, and reports them when they were not set aside before. */
export async function reportDamage(directory: string, at: Position, bytes: Buffer, onFault: OnFault): Promise<void> {
  // A copy may fail, on a full disk for example. The good records behind the damage must be read all the same.
  if (await setAside(directory, at, bytes).catch(() => true)) {
    onFault({ kind: "damaged", segment: at.segment, offset: at.offset, bytes: bytes.byteLength });
  }
}

/** Keeps bytes that are no record, for a person. False when they were set aside before. */
export async function setAside(directory: string, { segment, offset }: Position, bytes: Buffer): Promise<boolean> {
  const damaged = join(directory, DAMAGED);
  await mkdir(damaged, { recursive: true, mode: 0o700 });
  try {
    // The name has a checksum too, because the same place may be damaged again, and a segment number may come again.
    const name = `${segment}-${offset}-${crc32(bytes).toString(16).padStart(8, "0")}.bin`;
    await writeFile(join(damaged, name), bytes, { flag: "wx", mode: 0o600, flush: true });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
}

/** Moves a segment that cannot be read to `damaged/`, for a person. */
export async function setSegmentAside(directory: string, segment: number): Promise<void> {
  const path = segmentPath(directory, segment);
  await mkdir(join(directory, DAMAGED), { recursive: true, mode: 0o700 });
  await rename(path, join(directory, DAMAGED, basename(path)));
}

/**
 * Has `without` blot a party out of each file, and gives the files that had it. `without` gets a character for each
 * byte, and must keep the length. The bytes around the party stay, for a person who looks at the damage.
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

/** Writes over the old bytes, because a new file would leave them on the disk. */
function overwrite(path: string, bytes: Buffer): void {
  const handle = openSync(path, "r+");
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at, bytes.length - at, at);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

const DAMAGED = "damaged";
