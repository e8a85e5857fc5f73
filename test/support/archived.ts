/** Archives as the service leaves them, written by hand: for tests of what reads them. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Became } from "../../src/archive/archived.ts";
import { BLOCK_BYTES, type Packable, packBlock } from "../../src/archive/blocks.ts";
import { lineOfFate } from "../../src/archive/fates.ts";
import { archiveDirectory, dayOf, fatesPath, nameOfFile } from "../../src/archive/places.ts";
import { encodeRecord, type JournalRecord, receivedAtOf, scanRecords } from "../../src/journal/record.ts";
import { segmentPath } from "../../src/journal/segments.ts";
import { journalDirectory, processDirectory } from "../../src/process/directories.ts";

/** A record, and what became of it; null where that is not known. */
export interface Kept {
  readonly record: JournalRecord;
  readonly became: Became | null;
}

export interface SegmentOf {
  readonly process?: number;
  readonly segment?: number;
}

/** Writes a file of the archive with these records, and gives its path. */
export function archiveFile(
  dataDir: string,
  kept: readonly Kept[],
  { process = 1, segment = 1 }: SegmentOf = {},
): string {
  const packables = kept.map(packable);
  const times = packables.map(({ receivedMs }) => receivedMs);
  const [firstMs, lastMs] = [Math.min(...times), Math.max(...times)];
  const directory = join(archiveDirectory(dataDir), dayOf(firstMs));
  const mark = crc32(packables[0]?.json ?? "")
    .toString(16)
    .padStart(8, "0");
  const path = join(directory, nameOfFile({ firstMs, lastMs, process, segment, mark }));
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, Buffer.concat(inBlocks(packables).map((block) => packBlock(block))));
  return path;
}

/** Writes a segment of a journal with these records, and their fates beside it. Gives its path. */
export function journalSegment(
  dataDir: string,
  kept: readonly Kept[],
  { process = 1, segment = 1 }: SegmentOf = {},
): string {
  const journal = journalDirectory(processDirectory(dataDir, process));
  mkdirSync(journal, { recursive: true });
  appendFileSync(segmentPath(journal, segment), Buffer.concat(kept.map(({ record }) => encodeRecord(record))));
  const fates = kept.flatMap(({ record, became }) => (became === null ? [] : [lineOfFate(record.id, became)]));
  appendFileSync(fatesPath(journal, segment), fates.join(""));
  return segmentPath(journal, segment);
}

/** What became of a report that was queued a second after it came. */
export function queuedAs(eventId: string | null, receivedAt: string, replaced: Partial<Became> = {}): Became {
  const at = new Date(Date.parse(receivedAt) + 1_000).toISOString();
  const nothing = { outcome: null, duplicateOf: null, reason: null, acknowledged: false };
  return { at, kind: "queued", eventId, ...nothing, ...replaced };
}

function packable({ record, became }: Kept): Packable {
  const [stretch] = scanRecords(encodeRecord(record));
  if (stretch?.kind !== "record") throw new Error("It is no record");
  const receivedMs = Date.parse(receivedAtOf(record));
  return { json: stretch.json, receivedMs, became: became && JSON.stringify(became) };
}

function inBlocks(packables: readonly Packable[]): Packable[][] {
  const blocks: Packable[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of packables) {
    if (bytes >= BLOCK_BYTES) {
      blocks.push([]);
      bytes = 0;
    }
    blocks.at(-1)?.push(one);
    bytes += one.json.byteLength;
  }
  return blocks;
}
