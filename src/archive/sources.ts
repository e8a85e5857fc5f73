/**
 * Where archived records stand, with times that say what need not be opened: the archive's files, the segments that
 * wait to be packed, and the journals of all processes.
 *
 * A segment goes from its journal to `packing/`, and from there into the archive, while somebody reads. So the places
 * are listed in this order: what moves meanwhile is listed twice rather than not at all.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Cursor, loadCursor } from "../journal/cursor.ts";
import type { RecordState } from "../journal/inspect.ts";
import { decodeRecord, type JournalRecord, receivedAtOf, scanRecords } from "../journal/record.ts";
import { isBefore, listSegments, segmentPath } from "../journal/segments.ts";
import { furtherDirectories, journalDirectory, processDirectory } from "../process/directories.ts";
import type { ArchivedRecord, Became } from "./archived.ts";
import { BLOCK_BYTES, type BlockHead, readLine, scanBlocks, unpackBlock } from "./blocks.ts";
import { type Fates, NO_FATES, readFates } from "./fates.ts";
import {
  archiveDirectory,
  dayIn,
  fatesPath,
  fileNamed,
  packingDirectory,
  packingName,
  packingNamed,
} from "./places.ts";

/** What cannot be given of what was kept. */
export type ArchiveDamage =
  /** Bytes that are no block, or no record of a journal. `head`: what the block's own line says of it; null without one. */
  | {
      readonly kind: "damaged";
      readonly path: string;
      readonly start: number;
      readonly bytes: number;
      readonly head: BlockHead | null;
    }
  /** Records of a kind that only a newer mm4d knows. */
  | { readonly kind: "newer"; readonly path: string; readonly start: number; readonly records: number }
  | { readonly kind: "unreadable"; readonly path: string; readonly cause: Error }
  /** A file that left the archive while it was being read, the oldest one as a rule. */
  | { readonly kind: "removed"; readonly path: string };

export type OnDamage = (damage: ArchiveDamage) => void;

/** One file: of the archive, of `packing/`, or of a journal. */
export interface Source {
  readonly path: string;
  readonly isPacked: boolean;
  /** Number of the process that took its records, and of the segment. */
  readonly process: number;
  readonly segment: number;
  /** When the earliest and the latest of its records was received, in milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** As they stand in the file. Throws when the file is not there any more. */
  parts(onDamage: OnDamage): readonly Part[];
}

/** Some of the records of a file, so many as are read at once. */
export interface Part {
  readonly source: Source;
  /** Where it begins in the file. */
  readonly start: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /**
   * In the order in which they were stored. Throws when the file is not there any more. `mayBe` is asked of the bytes of
   * a record, and of its fate where that stands with it, before they are read: reading takes longer than all else.
   */
  records(onDamage: OnDamage, mayBe?: MayBe): readonly ArchivedRecord[];
}

/** Says of bytes whether they may be a record that is sought: false only for what certainly is none. */
export type MayBe = (bytes: Buffer) => boolean;

/**
 * What may hold records that were received in a window. Throws when a directory cannot be listed, and with the code
 * ENOENT when a file has moved.
 */
export function sourcesOf(dataDir: string, sinceMs: number, untilMs: number, onDamage: OnDamage): readonly Source[] {
  const isWithin = ({ firstMs, lastMs }: Source): boolean => lastMs >= sinceMs && firstMs < untilMs;
  const archive = archiveDirectory(dataDir);
  const waiting = [...journals(dataDir), ...packing(archive)].flatMap((segment) => segmentSource(segment, onDamage));
  return [...waiting, ...packedFiles(archive, untilMs)].filter(isWithin);
}

/** When it was received, in milliseconds since 1970; 0 where that cannot be read, because a person has edited it. */
export function receivedMsOf(record: JournalRecord): number {
  return Date.parse(receivedAtOf(record)) || 0;
}

function packedFiles(archive: string, untilMs: number): readonly Source[] {
  return namesIn(archive).flatMap((day) => {
    const beginsMs = dayIn(day);
    // A file stands below the day of its earliest record.
    if (beginsMs === null || beginsMs >= untilMs) return [];
    return namesIn(join(archive, day)).flatMap((name) => {
      const named = fileNamed(name);
      return named === null ? [] : [packedSource(join(archive, day, name), named)];
    });
  });
}

function packedSource(path: string, named: NonNullable<ReturnType<typeof fileNamed>>): Source {
  const source: Source = {
    path,
    isPacked: true,
    ...named,
    parts(onDamage) {
      const parts: Part[] = [];
      const bytes = readFileSync(path);
      for (const stretch of scanBlocks(bytes)) {
        const { start, end } = stretch;
        if (stretch.kind === "block") parts.push(blockPart(source, start, end, stretch.head));
        else onDamage({ kind: "damaged", path, start, bytes: end - start, head: headIn(bytes.subarray(start, end)) });
      }
      return parts;
    },
  };
  return source;
}

const ANY: MayBe = () => true;

/** What the line of a damaged block says of it. */
function headIn(bytes: Buffer): BlockHead | null {
  const said = /^mm4d-archive 1 [0-9a-f]{8} \d{1,15} (\S{24,27}) (\S{24,27}) (\d{1,15})\n/.exec(
    bytes.toString("latin1", 0, 128),
  );
  const [firstMs, lastMs] = [Date.parse(said?.[1] ?? ""), Date.parse(said?.[2] ?? "")];
  return Number.isNaN(firstMs + lastMs) ? null : { firstMs, lastMs, count: Number(said?.[3]) };
}

function blockPart(source: Source, start: number, end: number, { firstMs, lastMs }: BlockHead): Part {
  const { path } = source;
  const lines = (): readonly Buffer[] => {
    const [block] = scanBlocks(bytesOf(path, start, end));
    return block?.kind === "block" ? unpackBlock(block.packed) : [];
  };
  return {
    source,
    start,
    firstMs,
    lastMs,
    records(onDamage, mayBe = ANY) {
      const read = lines().filter(mayBe).map(readLine);
      const records = read.flatMap((one) => (one === undefined ? [] : [{ ...one, at: "archive" as const }]));
      const unknown = read.length - records.length;
      if (unknown > 0) onDamage({ kind: "newer", path, start, records: unknown });
      return records;
    },
  };
}

/** A segment that is not packed, and where its fates are: in `packing/` or still beside where it stood in the journal. */
interface Segment {
  readonly path: string;
  readonly process: number;
  readonly segment: number;
  readonly fates: readonly string[];
  /** How far the records in it have come. */
  readonly stateOf: (offset: number) => RecordState;
}

function journals(dataDir: string): readonly Segment[] {
  return [processDirectory(dataDir, 1), ...furtherDirectories(dataDir)].flatMap((directory, index) => {
    const journal = journalDirectory(directory);
    const number = index === 0 ? 1 : Number(basename(directory));
    const cursor = loadCursor(journal);
    return segmentsIn(journal).map(({ segment }) => ({
      path: segmentPath(journal, segment),
      process: number,
      segment,
      fates: [fatesPath(journal, segment), join(packingOf(dataDir), packingName(number, segment, "fates"))],
      stateOf: (offset) => stateOf(cursor, segment, offset),
    }));
  });
}

function stateOf(cursor: Cursor | undefined, segment: number, offset: number): RecordState {
  const place = { segment, offset };
  if (!cursor || !isBefore(place, cursor.drained)) return "waiting";
  return isBefore(place, cursor.settled) ? "settled" : "on-queue";
}

function packing(archive: string): readonly Segment[] {
  const directory = packingDirectory(archive);
  return namesIn(directory).flatMap((name): readonly Segment[] => {
    const named = packingNamed(name);
    if (named?.what !== "journal") return [];
    const { process, segment } = named;
    const journal = journalDirectory(processDirectory(dirname(archive), process));
    return [
      {
        path: join(directory, name),
        process,
        segment,
        fates: [join(directory, packingName(process, segment, "fates")), fatesPath(journal, segment)],
        stateOf: () => "settled",
      },
    ];
  });
}

function packingOf(dataDir: string): string {
  return packingDirectory(archiveDirectory(dataDir));
}

/** Its bytes are gone through once, for its times and where its parts begin; records are read part by part. */
function segmentSource(of: Segment, onDamage: OnDamage): readonly Source[] {
  const { path, process, segment } = of;
  const stretches = partsIn(readable(path, onDamage));
  if (stretches.length === 0) return [];
  let fates: Fates | undefined;
  const fatesHere = (): Fates => {
    fates ??= fatesIn(of.fates);
    return fates;
  };
  const source: Source = {
    path,
    isPacked: false,
    process,
    segment,
    firstMs: Math.min(...stretches.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...stretches.map(({ lastMs }) => lastMs)),
    parts: () =>
      stretches.map(({ start, end, firstMs, lastMs }) => ({
        source,
        start,
        firstMs,
        lastMs,
        // Fates stand apart, and few records are here: each is read.
        records: (onDamage) => recordsIn(bytesOf(path, start, end), start, of, fatesHere(), onDamage),
      })),
  };
  return [source];
}

/** What cannot be read is told, and costs nothing else. Throws where the file has moved. */
function readable(path: string, onDamage: OnDamage): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw cause;
    onDamage({ kind: "unreadable", path, cause: cause as Error });
    return Buffer.alloc(0);
  }
}

/** Stretches of a segment as large as a block of the archive, and when their records were received. */
function partsIn(bytes: Buffer): readonly { start: number; end: number; firstMs: number; lastMs: number }[] {
  const parts: { start: number; end: number; firstMs: number; lastMs: number }[] = [];
  for (const { kind, start, end, ...stretch } of scanRecords(bytes)) {
    if (kind === "torn") break; // It may be under way. What a crash has left was not answered 250.
    const ms = "json" in stretch ? timeIn(stretch.json) : undefined;
    let part = parts.at(-1);
    if (part === undefined || (ms !== undefined && part.end - part.start >= BLOCK_BYTES)) {
      part = { start, end, firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY };
      parts.push(part);
    }
    part.end = end;
    if (ms !== undefined) part.firstMs = Math.min(part.firstMs, ms);
    if (ms !== undefined) part.lastMs = Math.max(part.lastMs, ms);
  }
  return parts;
}

/** Where a message's time stands, so that a record need not be read for it. */
const TIME_OF_MESSAGE = /^\{"id":"[^"\\]{1,64}","kind":"message","at":"([^"\\]{20,32})"/;

function timeIn(json: Buffer): number {
  const at = TIME_OF_MESSAGE.exec(json.toString("latin1", 0, 160))?.[1];
  if (at !== undefined) return Date.parse(at) || 0;
  const record = decodeRecord(json);
  return record ? receivedMsOf(record) : 0;
}

function recordsIn(
  bytes: Buffer,
  from: number,
  { path, stateOf }: Segment,
  { became, moved }: Fates,
  onDamage: OnDamage,
): readonly ArchivedRecord[] {
  const records: ArchivedRecord[] = [];
  let unknown = 0;
  for (const stretch of scanRecords(bytes)) {
    const offset = from + stretch.start;
    if (stretch.kind === "damaged") {
      onDamage({ kind: "damaged", path, start: offset, bytes: stretch.end - stretch.start, head: null });
    }
    if (stretch.kind !== "record") continue;
    const record = decodeRecord(stretch.json);
    if (record === undefined) unknown += 1;
    // It was written again behind the others. That copy may not be among the places that were listed.
    else if (moved.has(offset)) records.push({ record, became: null, at: "waiting" });
    else records.push({ record, became: becameIn(became.get(record.id)), at: stateOf(offset) });
  }
  if (unknown > 0) onDamage({ kind: "newer", path, start: from, records: unknown });
  return records;
}

function becameIn(json: string | undefined): Became | null {
  return json === undefined ? null : (JSON.parse(json) as Became);
}

/** Of the first of the places that is there: a segment's fates move with it. */
function fatesIn(paths: readonly string[]): Fates {
  for (const path of paths) {
    const bytes = orNull(() => readFileSync(path));
    if (bytes !== null) return readFates(bytes);
  }
  return NO_FATES;
}

function bytesOf(path: string, start: number, end: number): Buffer {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(end - start);
    let filled = 0;
    while (filled < bytes.byteLength) {
      const count = readSync(file, bytes, filled, bytes.byteLength - filled, start + filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } finally {
    closeSync(file);
  }
}

function namesIn(directory: string): readonly string[] {
  return orNull(() => readdirSync(directory)) ?? [];
}

function segmentsIn(journal: string): ReturnType<typeof listSegments> {
  return orNull(() => listSegments(journal)) ?? [];
}

/** Null where there is no such file or directory. */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw cause;
  }
}
