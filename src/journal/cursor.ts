/**
 * How far the journal has been drained: a file beside the segments.
 *
 * It is saved once a second. After a crash it may be a second old, and then the
 * records of that second are drained again. That changes nothing, because every
 * effect is idempotent by event id. It is never ahead of the drain. It is synced,
 * so that a power cut leaves the new cursor or the old one.
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
  /** The Redis that the records went to; null before the first Redis. */
  readonly redis: string | null;
}

/** The saved cursor; undefined when there is none, or it cannot be read. */
export function loadCursor(directory: string): Cursor | undefined {
  try {
    const [checksum, json = ""] = readFileSync(join(directory, FILE), "utf8").split("\n");
    // A damaged cursor could skip records. Without a cursor some are only drained again.
    if (checksum !== String(crc32(json))) return undefined;
    const cursor: unknown = JSON.parse(json);
    return isCursor(cursor) ? cursor : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a cursor file exists, readable or not. */
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
