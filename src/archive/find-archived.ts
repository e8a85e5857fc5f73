/** Looks for a few reports in the archive and the journals, the newest first, for so long at most as somebody waits. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type ArchivedReport, type ReadRecord, readReport } from "./read-report.ts";
import type { MayBe, Part, Source } from "./source.ts";
import { sourcesOf } from "./sources.ts";

/** What is looked for, and how far. */
export interface Search {
  /** Asked of the bytes of each record before it is read. */
  readonly mayBe: MayBe;
  readonly isWanted: (report: ArchivedReport) => boolean;
  readonly read: ReadRecord;
  /** Received then or later: in milliseconds since 1970; null for no bound. */
  readonly sinceMs: number | null;
  /** So many reports at most, and for so long, in milliseconds. */
  readonly most: number;
  readonly ms: number;
}

export interface SearchResult {
  /** Each once. The newest come first, but for what overlaps in time. */
  readonly reports: readonly ArchivedReport[];
  /** What was received before this, in milliseconds since 1970, was not looked through; null where all was. */
  readonly backToMs: number | null;
  /** How many places could not be read, or are damaged. */
  readonly damaged: number;
}

/** Throws when a directory cannot be read. */
export async function findArchived(dataDir: string, search: Search): Promise<SearchResult> {
  const until = performance.now() + search.ms;
  const found = new Map<string, ArchivedReport>();
  const seen = new Set<string>();
  let damaged = 0;
  const onDamage = (): void => {
    damaged += 1;
  };
  const result = (backToMs: number | null): SearchResult => ({ reports: [...found.values()], backToMs, damaged });

  // What has moved meanwhile stands elsewhere now.
  for (let moved = true, looks = 0; moved && looks < MOST_LOOKS; looks += 1) {
    moved = false;
    const sources = listed(dataDir, search.sinceMs, onDamage).filter(({ path }) => !seen.has(path));
    for (const [index, source] of sources.entries()) {
      const left = newestFirst(orMoved(() => source.parts(onDamage)) ?? []);
      for (const [at, part] of left.entries()) {
        if (performance.now() > until || found.size >= search.most) {
          return result(1 + Math.max(part.lastMs, sources[index + 1]?.lastMs ?? 0));
        }
        const records = orMoved(() => part.records(onDamage, search.mayBe));
        moved ||= records === null;
        for (const archived of records ?? []) {
          const report = readReport(archived, search.read);
          const known = found.get(archived.record.id);
          if ((known?.became ?? null) === null && search.isWanted(report)) found.set(archived.record.id, report);
        }
        if (at === left.length - 1) seen.add(source.path);
        await nextTurn();
      }
    }
  }
  return result(null);
}

/** A segment moves twice, and hardly within one search. */
const MOST_LOOKS = 4;

function listed(dataDir: string, sinceMs: number | null, onDamage: () => void): readonly Source[] {
  const from = sinceMs ?? Number.NEGATIVE_INFINITY;
  for (let look = 1; ; look += 1) {
    const sources = orMoved(() => sourcesOf(dataDir, from, Number.POSITIVE_INFINITY, onDamage));
    if (sources !== null) return newestFirst(sources);
    if (look === MOST_LOOKS) return [];
  }
}

function newestFirst<T extends Source | Part>(some: readonly T[]): readonly T[] {
  return [...some].sort((a, b) => b.lastMs - a.lastMs);
}

/** Null where the file is not there any more. */
function orMoved<T>(read: () => T): T | null {
  try {
    return read();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw cause;
  }
}
