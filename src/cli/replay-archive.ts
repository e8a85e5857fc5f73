/** The reports that a replay is about, out of the archive of this machine. */
import type { ArchivedReport, ArchiveFilter } from "../archive/read-report.ts";
import { describeArchiveDamage } from "./archive-damage.ts";
import { type ArchiveLook, archivedReports } from "./archive-look.ts";

export interface ReadForReplay {
  /** In the order of receipt. */
  readonly reports: AsyncGenerator<ArchivedReport>;
  /** What could not be read so far, in words. */
  readonly damage: () => readonly string[];
}

/** Reads with the catalogue of the settings in force. Throws one sentence for each fault of its file. */
export function readForReplay(look: ArchiveLook, filter: ArchiveFilter): ReadForReplay {
  const damage: string[] = [];
  const reports = archivedReports(look, filter, (one) => void damage.push(describeArchiveDamage(one)));
  return { reports, damage: () => damage };
}
