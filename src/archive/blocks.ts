/**
 * How the archive's files are written: blocks, each behind a line that tells of it.
 *
 *   mm4d-archive 1 CRC32 BYTES FIRST LAST COUNT\n
 *   BYTES of brotli: lines of JSON, {"record":…,"became":…}
 *   \n
 *
 * The checksum (8 hex digits) covers the rest of the head line, its line feed among it, and the bytes. FIRST and LAST
 * are when the earliest and the latest of its COUNT records was received. A block that is damaged or torn loses
 * itself only: the next one is found by the beginning of its head line, behind a line feed.
 */
import { brotliCompressSync, brotliDecompressSync, constants, crc32 } from "node:zlib";
import { decodeRecord, type JournalRecord } from "../journal/record.ts";
import type { Became } from "./archived.ts";
import { isBecame } from "./fates.ts";

/** A record that is to be archived. */
export interface Packable {
  /** As the journal has it. */
  readonly json: Buffer;
  /** When it was received, in milliseconds since 1970. */
  readonly receivedMs: number;
  /** {@link Became} as JSON; null where it is not known. */
  readonly became: string | null;
}

/** What a block's head line says. */
export interface BlockHead {
  /** When the earliest and the latest of its records was received, in milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** How many records it has. */
  readonly count: number;
}

/** A stretch of a file: a block, or other bytes. Offsets count from the first byte scanned. */
export type BlockStretch =
  | {
      readonly kind: "block";
      readonly start: number;
      readonly end: number;
      readonly head: BlockHead;
      readonly packed: Buffer;
    }
  /** Bytes up to the next block, or to the end. */
  | { readonly kind: "damaged"; readonly start: number; readonly end: number };

/** A block's records take so many bytes, before they are packed: a block is read as a whole. */
export const BLOCK_BYTES = 256 * 1024;

/** As in the trace: deflate takes twice as long, and leaves more. */
const FASTEST_THAT_IS_SMALL = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/** Makes a block of these records, one at least. At once: it is called in threads that do nothing else. */
export function packBlock(records: readonly Packable[]): Buffer {
  return packText(textOf(records), { ...timesOf(records), count: records.length });
}

/** Makes a block of some lines of another one, as {@link unpackBlock} gives them, under the times that its head had. */
export function packAgain(
  lines: readonly Buffer[],
  { firstMs, lastMs }: Pick<BlockHead, "firstMs" | "lastMs">,
): Buffer {
  return packText(Buffer.concat(lines.flatMap((line) => [line, LINE_FEED])), { firstMs, lastMs, count: lines.length });
}

/** Splits the bytes of a file into blocks and what is none. Never throws. */
export function* scanBlocks(bytes: Buffer): Generator<BlockStretch> {
  for (let start = 0; start < bytes.byteLength; ) {
    const stretch = blockAt(bytes, start) ?? { kind: "damaged", start, end: nextHead(bytes, start) };
    yield stretch;
    start = stretch.end;
  }
}

/** What the head line of a damaged block says of it; null where there is none. */
export function headIn(bytes: Buffer): BlockHead | null {
  const line = lineAt(bytes, 0);
  return line === undefined || Number.isNaN(line.head.firstMs + line.head.lastMs) ? null : line.head;
}

/**
 * The lines of a block. Throws when they cannot be unpacked. However long they are: the checksum says that the block is
 * ours, and one record may be as large as a message and its escapes.
 */
export function unpackBlock(packed: Buffer): readonly Buffer[] {
  const bytes = brotliDecompressSync(packed);
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const feed = bytes.indexOf(LINE_FEED, at);
    const end = feed === -1 ? bytes.byteLength : feed;
    lines.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return lines;
}

/** Reads a line of a block. Undefined for what is no record of ours, or one of a later version. */
export function readLine(line: Buffer): { readonly record: JournalRecord; readonly became: Became | null } | undefined {
  const json = recordIn(line);
  const record = json && decodeRecord(json);
  if (!json || !record) return undefined;
  return { record, became: becameIn(line.subarray(BEFORE.byteLength + json.byteLength + BETWEEN.byteLength, -1)) };
}

const MAGIC = "mm4d-archive 1 ";
const LINE_FEED = Buffer.from("\n");
const BEFORE = Buffer.from('{"record":');
/** The last one of a line: within a text its quotes would have a backslash. */
const BETWEEN = Buffer.from(',"became":');
const AFTER = Buffer.from("}\n");
const NULL = "null";
/** Its longest: two times of 27 characters (years beyond 9999), two numbers of 15 digits. */
const MAX_HEAD_BYTES = 128;
const TIME = String.raw`\S{24,27}`;
const HEAD = new RegExp(`^${MAGIC}([0-9a-f]{8}) ((\\d{1,15}) (${TIME}) (${TIME}) (\\d{1,15})\\n)`);

function packText(lines: Buffer, { firstMs, lastMs, count }: BlockHead): Buffer {
  const packed = brotliCompressSync(lines, FASTEST_THAT_IS_SMALL);
  const times = `${new Date(firstMs).toISOString()} ${new Date(lastMs).toISOString()}`;
  const told = Buffer.from(`${packed.byteLength} ${times} ${count}\n`);
  return Buffer.concat([Buffer.from(`${MAGIC}${checksumOf(told, packed)} `), told, packed, LINE_FEED]);
}

function timesOf(records: readonly Packable[]): Pick<BlockHead, "firstMs" | "lastMs"> {
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { receivedMs } of records) {
    firstMs = Math.min(firstMs, receivedMs);
    lastMs = Math.max(lastMs, receivedMs);
  }
  return { firstMs, lastMs };
}

/** Into one buffer: pieces that are joined afterwards would take longer than packing. */
function textOf(records: readonly Packable[]): Buffer {
  const around = BEFORE.length + BETWEEN.length + AFTER.length;
  const bytes = Buffer.allocUnsafe(
    records.reduce((sum, { json, became }) => sum + around + json.byteLength + Buffer.byteLength(became ?? NULL), 0),
  );
  let end = 0;
  for (const { json, became } of records) {
    end += BEFORE.copy(bytes, end);
    end += json.copy(bytes, end);
    end += BETWEEN.copy(bytes, end);
    end += bytes.write(became ?? NULL, end);
    end += AFTER.copy(bytes, end);
  }
  return bytes;
}

function checksumOf(told: Buffer, packed: Buffer): string {
  return crc32(packed, crc32(told)).toString(16).padStart(8, "0");
}

function blockAt(bytes: Buffer, start: number): BlockStretch | undefined {
  const line = lineAt(bytes, start);
  if (line === undefined) return undefined;
  const { checksum, told, head } = line;
  const from = start + line.length;
  const to = from + line.bytes;
  if (to > bytes.byteLength) return undefined;
  const packed = bytes.subarray(from, to);
  if (checksumOf(Buffer.from(told, "latin1"), packed) !== checksum) return undefined;
  // The last line feed only serves who looks for the next block.
  return { kind: "block", start, end: Math.min(to + 1, bytes.byteLength), head, packed };
}

/** What stands in a head line; `bytes`: how many follow it. */
function lineAt(bytes: Buffer, start: number) {
  const found = HEAD.exec(bytes.toString("latin1", start, start + MAX_HEAD_BYTES));
  if (!found) return undefined;
  const [line, checksum = "", told = "", length, first = "", last = "", count] = found;
  const head: BlockHead = { firstMs: Date.parse(first), lastMs: Date.parse(last), count: Number(count) };
  return { length: line.length, checksum, told, bytes: Number(length), head };
}

function nextHead(bytes: Buffer, start: number): number {
  const feed = bytes.indexOf(`\n${MAGIC}`, start);
  return feed === -1 ? bytes.byteLength : feed + 1;
}

/** The record of a line, as the journal had it. Undefined for what is no line of ours. */
function recordIn(line: Buffer): Buffer | undefined {
  const to = line.lastIndexOf(BETWEEN);
  return to === -1 || !line.subarray(0, BEFORE.byteLength).equals(BEFORE)
    ? undefined
    : line.subarray(BEFORE.byteLength, to);
}

function becameIn(json: Buffer): Became | null {
  try {
    const became: unknown = JSON.parse(json.toString());
    return isBecame(became) ? became : null;
  } catch {
    return null;
  }
}
