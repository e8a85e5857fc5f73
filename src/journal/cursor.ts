/**
 * How far the journal has been drained, kept beside the segments.
 *
 * Saved once a second: after a crash it may be older than the truth, and then
 * records of that second are drained again, which changes nothing, because every
 * effect is idempotent by event id. It is never ahead of the truth. It is synced,
 * so that a power cut leaves this one or the one before, and not none.
 */
import { existsSync, readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Position, syncDirectory } from "./segments.ts";

export interface Cursor {
  /** Everything before it is on the queue. */
  readonly drained: Position;
  /** Everything before it is also safe there, and may leave the disk. */
  readonly settled: Position;
  /** Which Redis it was drained into; null when none was seen yet. */
  readonly redis: string | null;
}

/** The cursor as it was saved; undefined when there is none that can be read. */
export function loadCursor(directory: string): Cursor | undefined {
  try {
    const [checksum, json = ""] = readFileSync(join(directory, FILE), "utf8").split("\n");
    // A damaged cursor could skip records, where none at all only drains some again.
    if (checksum !== String(crc32(json))) return undefined;
    const cursor: unknown = JSON.parse(json);
    return isCursor(cursor) ? cursor : undefined;
  } catch {
    return undefined;
  }
}

/** Whether there is one, readable or not. */
export function hasCursor(directory: string): boolean {
  return existsSync(join(directory, FILE));
}

export async function saveCursor(directory: string, cursor: Cursor): Promise<void> {
  const path = join(directory, FILE);
  const json = JSON.stringify(cursor);
  await writeFile(`${path}.new`, `${crc32(json)}\n${json}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  await syncDirectory(directory);
}

const FILE = "cursor";

function isCursor(value: unknown): value is Cursor {
  const { drained, settled, redis } = (value ?? {}) as Partial<Cursor>;
  return isPosition(drained) && isPosition(settled) && (redis === null || typeof redis === "string");
}

function isPosition(value: unknown): value is Position {
  const { segment, offset } = (value ?? {}) as Partial<Position>;
  return Number.isSafeInteger(segment) && Number.isSafeInteger(offset);
}
