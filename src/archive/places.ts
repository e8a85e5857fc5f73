/**
 * Where the archive is, in the data directory:
 *
 *   archive/2026-11-30/FIRST-LAST-PROCESS-SEGMENT-MARK.archive   the records of one segment
 *   archive/packing/PROCESS-SEGMENT.journal, .fates              a segment that has left the journal, until it is packed
 *
 * A name is made of what the segment says, so that packing it again gives the same file: when the earliest and the
 * latest of its records was received (`20261130T214319123Z`), whose it is, and a mark of its first record. The day is
 * that of the earliest, UTC.
 */
import { join } from "node:path";

/** What the name of a file says. */
export interface FileName {
  /** When the earliest and the latest of its records was received, in milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Number of the process. */
  readonly process: number;
  /** Number of its segment. */
  readonly segment: number;
  /** Eight hex digits by which it is told from another segment of that number: the checksum of its first record. */
  readonly mark: string;
}

/** The archive of a data directory, and of all its processes. */
export function archiveDirectory(dataDir: string): string {
  return join(dataDir, "archive");
}

/** Where segments wait to be packed. */
export function packingDirectory(archive: string): string {
  return join(archive, "packing");
}

/** The directory of the day, such as `2026-11-30`, on which this was. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, -14);
}

/** The beginning of the day that a directory is named for, in milliseconds since 1970. Null for what is no day. */
export function dayIn(name: string): number | null {
  const ms = /^(?:\d{4}|\+\d{6})-\d\d-\d\d$/.test(name) ? Date.parse(`${name}T00:00:00.000Z`) : Number.NaN;
  return Number.isNaN(ms) || dayOf(ms) !== name ? null : ms;
}

export function nameOfFile({ firstMs, lastMs, process, segment, mark }: FileName): string {
  return `${compact(firstMs)}-${compact(lastMs)}-${process}-${numbered(segment)}-${mark}.archive`;
}

/** Null for what is no file of the archive. */
export function fileNamed(name: string): FileName | null {
  const [, first, last, process, segment, mark = ""] = FILE_NAME.exec(name) ?? [];
  const [firstMs, lastMs] = [momentIn(first), momentIn(last)];
  if (Number.isNaN(firstMs) || Number.isNaN(lastMs)) return null;
  return { firstMs, lastMs, process: Number(process), segment: Number(segment), mark };
}

/** What stands in `packing/` of a segment: itself, and its fates. */
export function packingName(process: number, segment: number, what: "journal" | "fates"): string {
  return `${process}-${numbered(segment)}.${what}`;
}

/** Null for what is nothing of ours there. */
export function packingNamed(
  name: string,
): { readonly process: number; readonly segment: number; readonly what: "journal" | "fates" } | null {
  const [, process, segment, what] = /^([1-9]\d{0,2})-(\d{10,15})\.(journal|fates)$/.exec(name) ?? [];
  return what === undefined
    ? null
    : { process: Number(process), segment: Number(segment), what: what as "journal" | "fates" };
}

/** Where the fates of a segment stand, beside it. */
export function fatesPath(journalDirectory: string, segment: number): string {
  return join(journalDirectory, `${numbered(segment)}.fates`);
}

/** The number of the segment whose fates these are. Null for another file. */
export function fatesNamed(name: string): number | null {
  const [, segment] = /^(\d{10,15})\.fates$/.exec(name) ?? [];
  return segment === undefined ? null : Number(segment);
}

const MOMENT = String.raw`((?:\d{4}|\+\d{6})\d{4}T\d{9}Z)`;
const FILE_NAME = new RegExp(`^${MOMENT}-${MOMENT}-([1-9]\\d{0,2})-(\\d{10,15})-([0-9a-f]{8})\\.archive$`);

function numbered(segment: number): string {
  return String(segment).padStart(10, "0");
}

/** RFC 3339 without its separators, which are no good in names of files. */
function compact(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:.]/g, "");
}

function momentIn(text: string | undefined): number {
  const parts = /^(.+)(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/.exec(text ?? "");
  const [, year, month, day, hour, minute, second, ms] = parts ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}
