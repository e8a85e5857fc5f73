/**
 * How the trace is kept in Redis: its keys, its blocks of entries, and the index that finds them.
 *
 *   P:mm4d-trace3             a hash: key, generation, oldest, and of this generation bytes, began
 *   P:mm4d-trace3:G:blocks    how many blocks it has
 *   P:mm4d-trace3:G:bN        a block of entries: JSON, one a line, compressed. A line that begins with
 *                             {"header":700, has its header behind it, in so many bytes
 *   P:mm4d-trace3:G:iXX       the index: of each block its number, a count, and so many keyed hashes of that bucket
 *
 * There are at most {@link GENERATIONS} generations; the oldest is removed as a whole.
 */
import { hash, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, constants, inflateRaw } from "node:zlib";
import type { Redis } from "ioredis";
import { BOUNDS } from "../bounds/bounds.ts";
import { bareId, type ReportIds } from "./note.ts";

export const GENERATIONS = 16;

/** What the names of its keys begin with. */
export function traceKey(prefix: string): string {
  return `${prefix}:mm4d-trace3`;
}

/**
 * Where a trace may stand: here, and where mm4d wrote it up to 1.0, in the same blocks, with events in its notes.
 * That one is only read, until its keys have expired.
 */
export function tracesToRead(prefix: string): readonly string[] {
  return [traceKey(prefix), `${prefix}:mm4d-trace2`];
}

export function blocksKey(base: string): string {
  return `${base}:blocks`;
}

export function blockKey(base: string, number: number): string {
  return `${base}:b${number}`;
}

export function indexKey(base: string, bucket: number): string {
  return `${base}:i${bucket.toString(16).padStart(2, "0")}`;
}

/**
 * The key of the hashes. The first process that asks makes it. It keeps numbers out of the index; it cannot hide
 * them from a reader of this whole Redis, because the key is there too.
 */
export async function readKey(redis: Redis, meta: string): Promise<string> {
  await redis.hsetnx(meta, "key", randomBytes(32).toString("base64url"));
  const key = await redis.hget(meta, "key");
  if (key === null) throw new Error("The trace has no key");
  return key;
}

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);
const inflate = promisify(inflateRaw);

/**
 * What a block begins with. No raw deflate does, and blocks were that before:
 * its first byte would name the reserved type (RFC 1951 §3.2.3).
 */
const BROTLI = Buffer.of(0x06);
/**
 * Takes half as long as deflate and leaves a sixth less of a full block, a twentieth more of one with few entries.
 * 0 leaves more than deflate, 2 takes half as long again for next to nothing.
 */
const FASTEST_THAT_IS_SMALL = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/** More is no block of ours, and inflating it would take the memory of the reports that come. */
const AT_MOST = { maxOutputLength: BOUNDS.blockInflated.value };

/** Makes a block of entries, which come one a line, with their headers in them or behind them. */
export async function packBlock(lines: string | Buffer): Promise<Buffer> {
  return Buffer.concat([BROTLI, await compress(lines, FASTEST_THAT_IS_SMALL)]);
}

/** The entries of a block, one a line, with their headers in them. */
export async function unpackBlock(block: Buffer): Promise<string> {
  return (await linesOf(block, headerText)).join("\n");
}

/** The same, a list, for who needs no header: it is empty, but for blocks that have it in their lines. */
export function unpackWithoutHeaders(block: Buffer): Promise<readonly string[]> {
  return linesOf(block, () => '""');
}

type HeaderText = (bytes: Buffer, from: number, to: number) => string;

function headerText(bytes: Buffer, from: number, to: number): string {
  return JSON.stringify(bytes.toString("latin1", from, to));
}

async function linesOf(block: Buffer, header: HeaderText): Promise<readonly string[]> {
  if (block[0] !== BROTLI[0]) return (await inflate(block, AT_MOST)).toString().split("\n");
  return linesIn(await decompress(block.subarray(BROTLI.byteLength), AT_MOST), header);
}

function linesIn(bytes: Buffer, headerOf: HeaderText): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const feed = bytes.indexOf("\n", at);
    const end = feed === -1 ? bytes.byteLength : feed;
    const line = bytes.toString("utf8", at, end);
    at = end + 1;
    const [before, length] = HEADER_BEHIND.exec(line) ?? [];
    if (before === undefined) lines.push(line);
    else {
      const end = at + Number(length);
      lines.push(`{"header":${headerOf(bytes, at, end)}${line.slice(before.length)}`);
      at = end + 1;
    }
  }
  return lines;
}

const HEADER_BEHIND = /^\{"header":(\d+)/;

/** The names under which an entry is found. */
export function namesOf({ eventId, messageId, transactionId, numbers }: ReportIds): readonly string[] {
  const names: string[] = [];
  for (const id of [eventId, messageId, transactionId]) if (id !== null) names.push(nameOfId(id));
  for (const number of numbers) names.push(nameOfNumber(number));
  return names;
}

export function nameOfId(id: string): string {
  return `id ${bareId(id)}`;
}

/** The name of a number, which must be in the form that `numberOf` gives. */
export function nameOfNumber(number: string): string {
  return `number ${number}`;
}

const HASH_BYTES = 6;
/** One byte less than a hash, because its first byte chooses the bucket. */
export const INDEXED_BYTES = HASH_BYTES - 1;
export const HASH_AT = HASH_BYTES - INDEXED_BYTES;
/**
 * Each bucket has an entry for most blocks, and a question reads the whole bucket: more buckets make writing a block
 * dearer, fewer make a question dearer.
 */
export const BUCKETS = Array.from({ length: 32 }, (_, bucket) => bucket);

export function hashOf(key: string, name: string): Buffer {
  return Buffer.from(digestOf(key, name).slice(0, HASH_BYTES), "latin1");
}

/**
 * One character a byte, because a Buffer for each would take longer than the hash. A single call of it: an HMAC costs
 * four times as much, and we need none, because nothing is appended to what we hash.
 */
function digestOf(key: string, name: string): string {
  return hash("sha256", `${key} ${name}`, "binary");
}

export function bucketOf(hashed: Buffer): number {
  return (hashed[0] ?? 0) % BUCKETS.length;
}

/** What a block adds to the index: buckets, each followed by its hashes in a row. */
export function indexOf(key: string, names: ReadonlySet<string>): readonly (string | Buffer)[] {
  const byBucket = BUCKETS.map(() => "");
  for (const name of names) {
    const digest = digestOf(key, name);
    byBucket[digest.charCodeAt(0) % BUCKETS.length] += digest.slice(HASH_AT, HASH_BYTES);
  }
  return byBucket.flatMap((hashes, bucket) =>
    hashes === "" ? [] : [indexKey("", bucket), Buffer.from(hashes, "latin1")],
  );
}

/** The numbers of the blocks that have a hash, the newest first. */
export function blocksIn(index: Buffer, hashed: Buffer): readonly number[] {
  const wanted = hashed.subarray(HASH_AT);
  const blocks: number[] = [];
  for (const { number, from, to } of entriesIn(index)) {
    for (let at = from; at < to; at += INDEXED_BYTES) {
      if (index.compare(wanted, 0, INDEXED_BYTES, at, at + INDEXED_BYTES) === 0) blocks.unshift(number);
    }
  }
  return blocks;
}

/** What one block added to a bucket of the index. Its hashes are the bytes from `from` to `to`. */
export interface IndexEntry {
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

/** The entries of a bucket, the oldest block first. */
export function* entriesIn(index: Buffer): Generator<IndexEntry> {
  for (let at = 0; at < index.byteLength; ) {
    const from = at + ENTRY_HEAD_BYTES;
    const to = from + index.readUInt16BE(at + 4) * INDEXED_BYTES;
    yield { number: index.readUInt32BE(at), from, to };
    at = to;
  }
}

/** The block's number in four bytes, and how many hashes follow in two. */
const ENTRY_HEAD_BYTES = 6;

/**
 * Writes a block and its index. ARGV: now in ms, most bytes and ms of a
 * generation, for how many seconds it is kept, the block, then a bucket's name
 * and its hashes in turn. A key costs about 90 bytes besides its content, and
 * Redis keeps room for as much again behind a value that grows.
 */
export const WRITE = `
local meta, now = KEYS[1], tonumber(ARGV[1])
local state = redis.call('HMGET', meta, 'generation', 'bytes', 'began', 'oldest')
local generation, bytes, began = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3] or 0)
local oldest = tonumber(state[4] or 1)
if generation == 0 or bytes >= tonumber(ARGV[2]) or now - began >= tonumber(ARGV[3]) then
  generation, bytes = generation + 1, 0
  redis.call('HSET', meta, 'generation', generation, 'began', now, 'oldest', oldest)
end
local base = meta .. ':' .. generation
local number = redis.call('INCR', base .. ':blocks')
redis.call('EXPIRE', base .. ':blocks', ARGV[4])
redis.call('SET', base .. ':b' .. number, ARGV[5], 'EX', ARGV[4])
bytes = bytes + #ARGV[5] + 90
for at = 6, #ARGV, 2 do
  local index, hashes = base .. ARGV[at], ARGV[at + 1]
  local entry = struct.pack('>I4I2', number, #hashes / ${INDEXED_BYTES}) .. hashes
  if redis.call('APPEND', index, entry) == #entry then
    redis.call('EXPIRE', index, ARGV[4])
    bytes = bytes + 90
  end
  bytes = bytes + 2 * #entry
end
redis.call('HSET', meta, 'bytes', bytes)
return {generation, oldest}
`;
