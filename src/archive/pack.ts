/**
 * Packs one segment: joins its records with what became of them, and writes them as a file of the archive.
 *
 *   packing/1-0000000007.journal, .fates → blocks → DAY/NAME.new, synced → DAY/NAME → what was packed is removed
 *
 * A kill leaves what was to be packed. Packed again it gives a file of the same name. Synchronous, because it runs in
 * a thread that does nothing else.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { setAside } from "../journal/damaged.ts";
import { scanRecords } from "../journal/record.ts";
import { BLOCK_BYTES, type Packable, packBlock } from "./blocks.ts";
import { type Fates, NO_FATES, readFates } from "./fates.ts";
import type { ArchiveFault } from "./fault.ts";
import { dayOf, nameOfFile, packingDirectory, packingName } from "./places.ts";
import { toldOf } from "./received.ts";
import type { Rest } from "./rest.ts";

/** A segment that waits to be packed. */
export interface ToPack {
  /** The archive's directory. */
  readonly archive: string;
  readonly process: number;
  readonly segment: number;
  /** Directory of its process's journal, where what is damaged is kept. */
  readonly journal: string;
  /** Called between any two steps. */
  readonly rest: Rest;
}

export interface Packed {
  /** The file; null when there was no record to be kept. */
  readonly path: string | null;
  /** What is wrong with the segment. */
  readonly faults: readonly ArchiveFault[];
}

/** Rejects when the disk does not take the file: then nothing has changed. */
export async function packSegment(to: ToPack): Promise<Packed> {
  const path = (what: "journal" | "fates"): string =>
    join(packingDirectory(to.archive), packingName(to.process, to.segment, what));
  const segment = contentOf(path("journal"));
  if (segment === undefined) return { path: null, faults: [] };
  if (segment instanceof Error) {
    mkdirSync(join(to.journal, "damaged"), { recursive: true, mode: 0o700 });
    renameSync(path("journal"), join(to.journal, "damaged", packingName(to.process, to.segment, "journal")));
    rmSync(path("fates"), { force: true });
    return { path: null, faults: [{ kind: "unreadable", segment: to.segment, cause: segment }] };
  }
  const fates = contentOf(path("fates"));
  const records = recordsIn(
    segment,
    fates instanceof Error || !fates ? NO_FATES : readFates(fates.bytes, to.rest),
    to.rest,
  );
  const faults: ArchiveFault[] = [];
  for (const { offset, bytes } of records.damaged) {
    const isNew = await setAside(to.journal, { segment: to.segment, offset }, bytes);
    if (isNew) faults.push({ kind: "damaged", segment: to.segment, offset, bytes: bytes.byteLength });
  }
  const written = records.kept.length === 0 ? null : writeFile(to, records);
  // The keeper may have given it up meanwhile.
  rmSync(path("journal"), { force: true });
  rmSync(path("fates"), { force: true });
  return { path: written, faults };
}

/** What a segment holds. */
interface Records {
  /** Without those that were moved, which stand in a later segment too. */
  readonly kept: readonly Packable[];
  readonly damaged: readonly { readonly offset: number; readonly bytes: Buffer }[];
  /** Of all its records, so that its file's name does not depend on what became of them. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly mark: string;
}

interface Content {
  readonly bytes: Buffer;
  readonly changedMs: number;
}

/** Undefined when there is no such file. */
function contentOf(path: string): Content | Error | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return { bytes: readFileSync(file), changedMs: fstatSync(file).mtimeMs };
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "ENOENT" ? undefined : (cause as Error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function recordsIn({ bytes, changedMs }: Content, { became, moved }: Fates, rest: Rest): Records {
  const kept: Packable[] = [];
  const damaged: { offset: number; bytes: Buffer }[] = [];
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let mark = "";
  for (const stretch of scanRecords(bytes)) {
    if (stretch.kind === "padding") continue;
    const told = stretch.kind === "record" ? toldOf(stretch.json) : undefined;
    if (stretch.kind !== "record" || !told) {
      damaged.push({ offset: stretch.start, bytes: bytes.subarray(stretch.start, stretch.end) });
      continue;
    }
    // A person may have edited a record by hand.
    const receivedMs = Number.isNaN(told.receivedMs) ? Math.floor(changedMs) : told.receivedMs;
    firstMs = Math.min(firstMs, receivedMs);
    lastMs = Math.max(lastMs, receivedMs);
    mark ||= crc32(stretch.json).toString(16).padStart(8, "0");
    if (kept.length % RESTS_EVERY === 0) rest();
    if (!moved.has(stretch.start)) kept.push({ json: stretch.json, receivedMs, became: became.get(told.id) ?? null });
  }
  return { kept, damaged, firstMs, lastMs, mark };
}

/** Some hundred microseconds of work: a reply waits for so long at most. */
const RESTS_EVERY = 100;

function writeFile({ archive, process, segment, rest }: ToPack, { kept, firstMs, lastMs, mark }: Records): string {
  const day = join(archive, dayOf(firstMs));
  const path = join(day, nameOfFile({ firstMs, lastMs, process, segment, mark }));
  const isFirst = mkdirSync(day, { recursive: true, mode: 0o700 }) !== undefined;
  const file = openSync(`${path}.new`, "w", 0o600);
  try {
    for (const block of blocksOf(kept)) {
      writeAll(file, packBlock(block));
      rest();
    }
    fsyncSync(file);
  } catch (cause) {
    rmSync(`${path}.new`, { force: true });
    throw cause;
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  // What was packed is removed behind this: a machine that crashes must not lose both.
  syncDirectory(day);
  if (isFirst) syncDirectory(dirname(day));
  return path;
}

function* blocksOf(records: readonly Packable[]): Generator<readonly Packable[]> {
  let block: Packable[] = [];
  let bytes = 0;
  for (const record of records) {
    if (block.length > 0 && bytes + record.json.byteLength > BLOCK_BYTES) {
      yield block;
      block = [];
      bytes = 0;
    }
    block.push(record);
    bytes += record.json.byteLength;
  }
  yield block;
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(file, bytes, at);
}

function syncDirectory(directory: string): void {
  const file = openSync(directory, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
