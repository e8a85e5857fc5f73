/** Finds in this machine's archive what has left the trace. */
import { findArchived } from "../archive/find-archived.ts";
import type { ArchivedReport, ReadRecord } from "../archive/read-report.ts";
import { BOUNDS } from "../bounds/bounds.ts";
import { createReadRecords } from "../flow/ready.ts";
import { loadReading } from "../settings/reading.ts";
import { archivedEntry, soughtBy } from "../trace/archived.ts";
import type { TraceEntry } from "../trace/entry.ts";
import { newestFirst } from "./list-place.ts";
import type { ArchivePlace } from "./question.ts";
import type { ReportRow } from "./report-row.ts";
import { rowsIn } from "./rows.ts";
import type { ArchiveLooked } from "./views.ts";

/** What was found of one id or number, and how far it was looked for. */
export interface FoundArchived {
  /** As the trace would have them, and the same as rows, newest first. */
  readonly entries: readonly TraceEntry[];
  readonly rows: readonly ReportRow[];
  readonly more: boolean;
  readonly looked: ArchiveLooked;
}

/** Rejects when the archive's directory cannot be read. `since`: RFC 3339; null for no bound. */
export async function findInArchive(
  { dataDir, host, settings, replies }: ArchivePlace,
  wanted: string,
  since: string | null,
): Promise<FoundArchived> {
  const most = BOUNDS.archivedFound.value;
  const { reports, backToMs } = await findArchived(dataDir, {
    ...soughtBy(wanted),
    read: readerWith(settings),
    sinceMs: since === null ? null : Date.parse(since),
    most,
    ms: BOUNDS.archiveSearchedMs.value,
  });
  const told = reports.flatMap((report) => {
    const entry = archivedEntry(report, (recognised) => replies[recognised]);
    return entry === null ? [] : [{ entry, rows: rowsOf(report, entry) }];
  });
  return {
    entries: told.map(({ entry }) => entry),
    rows: newestFirst(told.flatMap(({ rows }) => rows)),
    more: reports.length >= most,
    looked: { host, backTo: backToMs === null ? null : new Date(backToMs).toISOString() },
  };
}

function rowsOf({ record, became }: ArchivedReport, entry: TraceEntry): readonly ReportRow[] {
  const rows = rowsIn([entry]).map(({ row }) => row);
  return became === null ? rows.map((row) => ({ ...row, id: record.id, fate: "unknown", jobId: null })) : rows;
}

/** By the rules in the records. What they owe is not looked for, so that no acknowledgement is made here. */
function readerWith(settings: ArchivePlace["settings"]): ReadRecord {
  const reading = readingWith(settings);
  const acknowledging = { systemAddress: "", canSend: () => false };
  const read = createReadRecords({ reading: () => reading, acknowledging });
  return (record) => read(record, 0);
}

/** A fault in the operator's catalogue file is told by who starts with it, and must not stop a search. */
function readingWith(settings: ArchivePlace["settings"]) {
  try {
    return loadReading(settings);
  } catch {
    return loadReading({ ...settings, catalogueFile: "" });
  }
}
