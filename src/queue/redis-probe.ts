/** Keys that are written to a Redis to learn something about it. */
import { randomUUID } from "node:crypto";
import type { QueuePlace } from "./queue-place.ts";

const PROBE_KEPT_SECONDS = 60;

/** Writes one key, which expires, to see whether Redis takes writes. Rejects when it does not. */
export async function writeProbe({ redis, prefix }: QueuePlace): Promise<void> {
  await redis.set(`${prefix}:mm4d-probe`, String(Date.now()), "EX", PROBE_KEPT_SECONDS);
}

/**
 * Reads the mark: a value that the first process writes once, without an expiry, and that lasts as long as the
 * jobs beside it. A different mark means that the jobs are gone, by FLUSHALL say. It is empty where this user may
 * not read or write it. Rejects when Redis refuses otherwise.
 */
export async function readMark({ redis, prefix }: QueuePlace): Promise<string> {
  const key = markKey(prefix);
  try {
    const found = await redis.get(key);
    if (found !== null) return found;
    await redis.set(key, randomUUID(), "NX");
    return (await redis.get(key)) ?? "";
  } catch (cause) {
    if ((cause as Error).message.startsWith("NOPERM")) return "";
    throw cause;
  }
}

export function markKey(prefix: string): string {
  return `${prefix}:mm4d-mark`;
}
