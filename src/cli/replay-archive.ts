/** The reports that a replay is about, out of the archive of this machine. */
import { readArchive } from "../archive/read-archive.ts";
import { type ArchivedReport, type ArchiveFilter, reportsOf } from "../archive/read-report.ts";
import type { ArchiveDamage } from "../archive/sources.ts";
import type { Config } from "../settings/config.ts";
import { createRecordReader } from "./record-reader.ts";

export interface ReadForReplay {
  readonly reports: AsyncGenerator<ArchivedReport>;
  /** Places that could not be read so far, in words. */
  readonly damage: () => readonly string[];
}

/** Reads with the catalogue of these settings. Throws one sentence for each fault of its file. */
export function readForReplay(config: Config, filter: ArchiveFilter): ReadForReplay {
  const damage: string[] = [];
  const { sinceMs, untilMs } = filter;
  const records = readArchive(config.dataDir, {
    sinceMs,
    untilMs,
    onDamage: (one) => void damage.push(describeDamage(one)),
  });
  return { reports: reportsOf(records, filter, createRecordReader(config)), damage: () => damage };
}

function describeDamage(damage: ArchiveDamage): string {
  switch (damage.kind) {
    case "damaged":
      return `${damage.path}: ${damage.bytes} bytes from byte ${damage.start} on are damaged, and were passed over`;
    case "newer":
      return `${damage.path}: ${damage.records} records of a newer mm4d were passed over`;
    case "unreadable":
      return `${damage.path} cannot be read: ${damage.cause.message}`;
    case "removed":
      return `${damage.path} left the archive, which is full, before it was read`;
  }
}
