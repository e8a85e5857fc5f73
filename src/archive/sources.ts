/**
 * Where archived records stand, with times that say what need not be opened: the archive's files, the segments that
 * wait to be packed, and the journals of all processes.
 *
 * A segment goes from its journal to `packing/`, and from there into the archive, while somebody reads. So the places
 * are listed in this order: what moves meanwhile is listed twice rather than not at all.
 */

import { packedFiles } from "./packed-source.ts";
import { archiveDirectory } from "./places.ts";
import { segmentSources } from "./segment-source.ts";
import type { OnDamage, Source } from "./source.ts";

/**
 * What may hold records that were received in a window. Throws when a directory cannot be listed, and with the code
 * ENOENT when a file has moved.
 */
export function sourcesOf(dataDir: string, sinceMs: number, untilMs: number, onDamage: OnDamage): readonly Source[] {
  const isWithin = ({ firstMs, lastMs }: Source): boolean => lastMs >= sinceMs && firstMs < untilMs;
  const segments = segmentSources(dataDir, onDamage);
  return [...segments, ...packedFiles(archiveDirectory(dataDir), untilMs)].filter(isWithin);
}
