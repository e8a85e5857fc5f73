/** Looks for a report in the archive of the service on this machine, where Redis's trace does not have it. */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { findArchived, type SearchResult } from "../archive/find-archived.ts";
import { archiveDirectory } from "../archive/places.ts";
import { withQueuePlace } from "../queue/queue-place.ts";
import { replyToAccepted } from "../smtp/reply-to.ts";
import { archivedEntry, soughtBy } from "../trace/archived.ts";
import type { TraceEntry } from "../trace/entry.ts";
import { findEntries, traceOf } from "../trace/find.ts";
import type { Trace } from "../trace/note.ts";
import type { TraceReading } from "../trace/reading.ts";
import { createSearchReader } from "./record-reader.ts";
import type { QueueFound } from "./running-service.ts";
import { directoryOf } from "./why-not-traced.ts";

export interface LookedInArchive {
  /** Of replays too, which Redis still has; without reports where neither has any. */
  readonly trace: Trace;
  /** Where it was looked, and how far, in a sentence. */
  readonly looked: string;
}

/** Whoever waits for the answer waits so long at most. */
const SEARCHED_MS = 10_000;
const MOST_REPORTS = 500;

/** Never rejects: what cannot be read is said in the sentence. `redisFault`: why Redis could not be asked; null when it was. */
export async function lookInArchive(
  wanted: string,
  queue: QueueFound,
  reading: TraceReading,
  redisFault: string | null,
): Promise<LookedInArchive> {
  const { address, settings } = queue;
  try {
    const dataDir = directoryOf(queue);
    const result = await findArchived(dataDir, {
      ...soughtBy(wanted),
      read: createSearchReader(settings.config),
      sinceMs: null,
      most: MOST_REPORTS,
      ms: SEARCHED_MS,
    });
    const entries = result.reports
      .map((report) => archivedEntry(report, replyToAccepted))
      .filter((entry): entry is TraceEntry => entry !== null);
    const found = { entries, more: result.reports.length >= MOST_REPORTS };
    const withRedis = withQueuePlace(address, async (place) => {
      // Only that it was published again: how it came is in the archive.
      const { entries: replays } = await findEntries(place, wanted);
      return traceOf(place, address.queue, { ...found, entries: [...entries, ...replays] }, reading);
    });
    const trace = await withRedis.catch(() => traceOf(null, address.queue, found, reading));
    return { trace, looked: inWords(archiveDirectory(dataDir), entries.length > 0, result, redisFault) };
  } catch (cause) {
    return {
      trace: { reports: [], more: false },
      looked: `The archive could not be looked into: ${(cause as Error).message}`,
    };
  }
}

function inWords(
  directory: string,
  isFound: boolean,
  { backToMs, damaged }: SearchResult,
  redisFault: string | null,
): string {
  const where = `${directory} of ${hostname()}`;
  const lost = damaged === 0 ? "" : ", parts of which are damaged";
  const why = redisFault === null ? "Redis's trace does not have it" : `Redis cannot be asked (${redisFault})`;
  if (isFound) return `${why}: it was found in ${where}${lost}`;
  if (!existsSync(directory)) return `There is no archive at ${directory}`;
  if (backToMs === null) return `it is not in ${where}${lost}`;
  const reached = new Date(backToMs).toISOString();
  return `in ${where} it was looked for back to ${reached} only ("mm4d archive list --until ${reached} --message-id ID" goes on)${lost}`;
}
