/** Finds the archive of a service, running or not, and says whose it is. Changes nothing there. */
import { existsSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { archiveDirectory } from "../archive/places.ts";
import { type ArchiveReading, readArchive } from "../archive/read-archive.ts";
import { type ArchivedReport, type ArchiveFilter, reportsOf } from "../archive/read-report.ts";
import { journalDirectory } from "../process/directories.ts";
import { archiveHoursOf, type Config } from "../settings/config.ts";
import { mayFit } from "../trace/archived.ts";
import { findData } from "./journal-look.ts";
import { createRecordReader } from "./record-reader.ts";
import { tell } from "./terminal.ts";

/** The archive of one service, on this machine. */
export interface ArchiveLook {
  readonly dataDir: string;
  readonly host: string;
  /** Of the command, with those of the running service where nobody has set one. */
  readonly config: Config;
  readonly isRunning: boolean;
  /** Why nothing is archived, in words; null while there is an archive. */
  readonly off: string | null;
}

/** Rejects where a data directory has neither an archive nor a journal. */
export async function lookAtArchive(): Promise<ArchiveLook> {
  const has = (dataDir: string): boolean => [archiveDirectory, journalDirectory].some((of) => existsSync(of(dataDir)));
  const { config, found } = await findData("archive", has);
  const { dataDir } = config;
  const off = whyOff(config);
  if (!has(dataDir)) {
    throw new Error(
      off === null
        ? `Cannot read the archive: ${archiveDirectory(dataDir)} does not exist, must be in the data directory of a service (--data-dir, MM4D_DATA_DIR)`
        : `Cannot read the archive: ${off}, and ${dataDir} has none`,
    );
  }
  if (statSync(archiveDirectory(dataDir), { throwIfNoEntry: false })?.isDirectory() === false)
    throw new Error(
      `Cannot read the archive: ${archiveDirectory(dataDir)} is a file, must be a directory; move it away`,
    );
  return { dataDir, host: hostname(), config, isRunning: found.kind === "running", off };
}

/** Says on stderr whose archive is read, and when it is a bygone one. */
export function tellWhose({ dataDir, host, off }: ArchiveLook): void {
  tell(`Reading the archive and the journals of ${host}, below ${dataDir}`);
  if (off !== null) tell(`${off}: what is left from before is read`);
}

/** The reports that are asked for, read with the catalogue and the settings in force, in the order of receipt. */
export async function* archivedReports(
  { dataDir, config }: ArchiveLook,
  filter: ArchiveFilter,
  onDamage: ArchiveReading["onDamage"],
): AsyncGenerator<ArchivedReport> {
  const { sinceMs, untilMs } = filter;
  const read = createRecordReader(config);
  const records = readArchive(dataDir, { sinceMs, untilMs, onDamage, mayBe: mayFit(filter) });
  try {
    yield* reportsOf(records, filter, read);
  } catch (cause) {
    throw inSentence(cause as Error);
  }
}

/** What the system says of a directory that cannot be read, as an error of ours. */
export function inSentence(cause: NodeJS.ErrnoException): Error {
  return cause.code === undefined ? cause : new Error(`Cannot read the archive: ${cause.message}`);
}

function whyOff(config: Config): string | null {
  if (config.accept === "queue") return "With MM4D_ACCEPT=queue nothing is archived";
  return archiveHoursOf(config) === 0 ? "MM4D_ARCHIVE_HOURS is 0, so nothing is archived" : null;
}
