/** Segments that are not packed, as sources of records: those of the journals, and those that wait in `packing/`. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Cursor, loadCursor } from "../journal/cursor.ts";
import type { RecordState } from "../journal/inspect.ts";
import { decodeRecord, scanRecords } from "../journal/record.ts";
import { isBefore, listSegments, segmentPath } from "../journal/segments.ts";
import { furtherNumbers, journalDirectory, processDirectory } from "../process/directories.ts";
import type { ArchivedRecord, Became } from "./archived.ts";
import { BLOCK_BYTES } from "./blocks.ts";
import { type Fates, NO_FATES, readFates } from "./fates.ts";
import { archiveDirectory, fatesPath, packingDirectory, packingName, packingNamed } from "./places.ts";
import { toldOf } from "./received.ts";
import { bytesOf, namesIn, notThere, type OnDamage, orNull, type Source } from "./source.ts";

/** Those of all processes of a data directory. Throws with the code ENOENT where one has moved meanwhile. */
export function segmentSources(dataDir: string, onDamage: OnDamage): readonly Source[] {
  const segments = [...journals(dataDir), ...packing(archiveDirectory(dataDir))];
  return segments.flatMap((segment) => segmentSource(segment, onDamage));
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
  return [1, ...furtherNumbers(dataDir)].flatMap((number) => {
    const journal = journalDirectory(processDirectory(dataDir, number));
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
  let known: Fates | undefined;
  const fatesHere = (): Fates => {
    known ??= fatesIn(of);
    return known;
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
        records(onDamage) {
          // Before the bytes: where these are still there, so were the fates.
          const fates = fatesHere();
          return recordsIn(bytesOf(path, start, end), start, of, fates, onDamage);
        },
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
    const ms = "json" in stretch ? toldOf(stretch.json)?.receivedMs || 0 : undefined;
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

/** Of the first of the places that is there: a segment's fates move with it. Throws where both have moved on meanwhile. */
function fatesIn({ path, fates }: Segment): Fates {
  for (const one of fates) {
    const bytes = orNull(() => readFileSync(one));
    if (bytes !== null) return readFates(bytes);
  }
  if (!existsSync(path)) throw notThere(path);
  return NO_FATES;
}

function segmentsIn(journal: string): ReturnType<typeof listSegments> {
  return orNull(() => listSegments(journal)) ?? [];
}
