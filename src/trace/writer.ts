/**
 * The trace: what is remembered of each report, found again by its ids and its
 * recipients' numbers. Kept in Redis, where all processes find it, bounded by
 * time and by memory; no list of jobs is ever read for it.
 *
 *   P:mm4d-trace2             a hash: key, generation, oldest, and of this generation bytes, began
 *   P:mm4d-trace2:G:blocks    how many blocks it has
 *   P:mm4d-trace2:G:bN        a block of notes: deflated JSON, one a line
 *   P:mm4d-trace2:G:iXX       the index: of each block its number, a count, and so many keyed hashes of that bucket
 *
 * There are at most {@link GENERATIONS} generations; the oldest is removed as a
 * whole. Notes wait a second in the process: a kill takes them along, and nothing
 * else depends on them.
 */
import { hash, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import type { Redis } from "ioredis";
import { textOf } from "../delivery/event-text.ts";
import {
  bareId,
  type JobState,
  numbersSought,
  type ReportIds,
  reportsOf,
  shortened,
  type Trace,
  type TraceNote,
} from "./note.ts";

export interface TraceOptions {
  readonly redis: Redis;
  readonly prefix: string;
  /** For how long notes are kept; 0 for not at all. */
  readonly hours: number;
  /** Most that they take in Redis. */
  readonly maxBytes: number;
}

export interface TraceWriter {
  note(note: TraceNote): void;
  /** Writes what waits. Rejects when Redis does not take it; then that is lost. */
  flush(): Promise<void>;
  /** Notes that were lost so far. */
  lost(): number;
}

export const GENERATIONS = 16;
const HOUR_MS = 3_600_000;
/** A block is read as a whole: this is some milliseconds. */
const MAX_NOTES_IN_BLOCK = 200;
const MAX_BLOCK_LENGTH = 512 * 1024;
/** A note beyond it is told without its event. */
const MAX_NOTE_LENGTH = 32 * 1024;
/** While Redis is away; older ones go first. */
const MAX_LENGTH_WAITING = 16 * 1024 * 1024;
/** In a burst what waits is written before the second is over. */
const BURST = 400;
const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Notes, one a line, as they are kept together. */
export function deflateBlock(lines: string): Promise<Buffer> {
  return deflate(lines, { level: 1 });
}

export function inflateBlock(block: Buffer): Promise<Buffer> {
  return inflate(block);
}

/** Events of which the trace remembers having written them. */
const MAX_TOLD = 100_000;

/** Notes as they are written, one a line, and by which names they are found. */
interface Waiting {
  lines: string;
  readonly names: readonly string[];
  /** Of a received message. */
  readonly eventId: string | null;
}

export function createTraceWriter({ redis, prefix, hours, maxBytes }: TraceOptions): TraceWriter {
  const meta = traceKey(prefix);
  let waiting: Waiting[] = [];
  let waitingLength = 0;
  /** Events of received messages; the note itself while it waits. */
  let told = new Map<string, Waiting | null>();
  let lost = 0;
  let flushing: Promise<void> | undefined;

  function take(): readonly Waiting[] {
    let length = 0;
    let count = 0;
    while (count < Math.min(waiting.length, MAX_NOTES_IN_BLOCK) && length < MAX_BLOCK_LENGTH) {
      length += waiting[count]?.lines.length ?? 0;
      count += 1;
    }
    waitingLength -= length;
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    for (const { eventId } of taken) if (eventId !== null && told.has(eventId)) told.set(eventId, null);
    return taken;
  }

  function remember(eventId: string, entry: Waiting): void {
    if (told.size >= MAX_TOLD) told = new Map();
    told.set(eventId, entry);
  }

  /** Others may rely on what was in it. */
  function lose(notes: readonly Waiting[]): void {
    lost += notes.length;
    told = new Map();
  }

  async function flushAll(): Promise<void> {
    if (waiting.length === 0) return;
    const key = await readKey(redis, meta);
    while (waiting.length > 0) {
      const notes = take();
      try {
        await write(notes, key);
      } catch (cause) {
        lose(notes);
        throw cause;
      }
    }
  }

  async function write(notes: readonly Waiting[], key: string): Promise<void> {
    const block = await deflateBlock(notes.map(({ lines }) => lines).join("\n"));
    const generationMs = (hours * HOUR_MS) / GENERATIONS;
    const keptSeconds = Math.ceil((hours * HOUR_MS + generationMs) / 1000);
    const bounds = [Date.now(), Math.floor(maxBytes / GENERATIONS), generationMs, keptSeconds];
    const index = indexOf(key, new Set(notes.flatMap(({ names }) => names)));
    const [generation, oldest] = (await redis.eval(WRITE, 1, meta, ...bounds, block, ...index)) as [number, number];
    if (generation - oldest >= GENERATIONS) await removeGeneration(oldest);
  }

  /** Whoever finds one too many removes it; several doing so do no harm. */
  async function removeGeneration(generation: number): Promise<void> {
    const base = `${meta}:${generation}`;
    const blocks = Number(await redis.get(`${base}:blocks`));
    const keys = [
      ...Array.from({ length: blocks }, (_, index) => `${base}:b${index + 1}`),
      ...BUCKETS.map((bucket) => indexKey(base, bucket)),
      `${base}:blocks`,
    ];
    for (let from = 0; from < keys.length; from += 500) await redis.unlink(...keys.slice(from, from + 500));
    await redis.hset(meta, "oldest", generation + 1);
  }

  function flush(): Promise<void> {
    flushing ??= flushAll().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  return {
    note(note) {
      if (hours === 0) return;
      const { eventId } = note.ids;
      // That it is on the queue follows within milliseconds, and need not say everything again.
      const isTold = note.kind === "queued" && eventId !== null && told.has(eventId);
      const written = isTold ? { ...note, event: null, ids: { ...NO_IDS, eventId } } : note;
      const line = jsonOf(written);
      waitingLength += line.length;
      const before = isTold ? told.get(eventId) : null;
      // Whoever finds the one finds the other.
      if (before) before.lines += `\n${line}`;
      else {
        const entry = { lines: line, names: namesOf(written.ids), eventId: note.kind === "received" ? eventId : null };
        waiting.push(entry);
        if (entry.eventId !== null) remember(entry.eventId, entry);
      }
      // In a burst what waits is written before the second is over. What then fails is counted as lost.
      if (waiting.length % BURST === 0 && redis.status === "ready") void flush().catch(() => {});
      while (waitingLength > MAX_LENGTH_WAITING) lose(take());
    },
    flush,
    lost: () => lost,
  };
}

function jsonOf(note: TraceNote): string {
  if (!("event" in note) || note.event === null) return JSON.stringify(note);
  const { event, ...rest } = note;
  const around = JSON.stringify(rest).slice(0, -1);
  const whole = `${around},"event":${textOf(event)}}`;
  if (whole.length <= MAX_NOTE_LENGTH) return whole;
  const short = `${around},"event":${JSON.stringify(shortened(event))}}`;
  return short.length <= MAX_NOTE_LENGTH ? short : `${around},"event":null}`;
}

const NO_IDS: ReportIds = { eventId: null, messageId: null, transactionId: null, numbers: [] };

const MAX_BLOCKS_READ = 60;
/** Of inflated blocks, for one question: some tens of milliseconds. */
const MAX_LENGTH_READ = 8 * 1024 * 1024;
const MAX_REPORTS = 50;
const MAX_NAMES_ASKED = 4 * MAX_REPORTS;

/**
 * Everything that is remembered of what an id or a number names, and of later
 * reports on the same messages. Rejects when Redis does not answer.
 */
export async function findTrace(redis: Redis, prefix: string, queue: string, wanted: string): Promise<Trace> {
  const meta = traceKey(prefix);
  const [key, generation, oldest] = await redis.hmget(meta, "key", "generation", "oldest");
  if (!key || !generation) return { reports: [], more: false };
  const place = { redis, meta, key, newest: Number(generation), oldest: Number(oldest ?? 1) };

  const notes = new Map<string, TraceNote>();
  const asked = new Set<string>();
  let more = false;
  // What is found names further events of its messages, and those what came of them.
  // The last is how 1.0.0 noted a recipient that is no number.
  let names = [
    nameOfId(wanted),
    ...numbersSought(wanted).map((number) => `number ${number}`),
    `number ${wanted.trim().toLowerCase()}`,
  ];
  while (names.length > 0) {
    for (const name of names) asked.add(name);
    const found = await findNotes(place, names);
    for (const [json, note] of found.notes) notes.set(json, note);
    more ||= found.more;
    const named = [...notes.values()].flatMap(({ ids }) => [ids.eventId, ids.messageId]).filter((id) => id !== null);
    names = [...new Set(named.map(nameOfId))].filter((name) => !asked.has(name)).slice(-MAX_REPORTS);
    if (asked.size > MAX_NAMES_ASKED) break;
  }
  const reports = reportsOf([...notes.values()]);
  const told = reports.slice(-MAX_REPORTS);
  return {
    reports: await Promise.all(told.map(async (report) => ({ ...report, job: await stateOf(report.notes) }))),
    more: more || reports.length > told.length,
  };

  async function stateOf(found: readonly TraceNote[]): Promise<JobState | null> {
    const queued = found.find((note) => note.kind === "queued" && note.duplicateOf === null);
    if (queued?.kind !== "queued") return null;
    const job = `${prefix}:${queue}:${queued.recordId}`;
    const [made, attempts, started, error, finishedOn] = await redis.hmget(job, ...JOB_FIELDS);
    if (!made) return { state: "gone", attempts: 0, error: null, finishedAt: null };
    const [failed, delayed] = await Promise.all(
      ["failed", "delayed"].map((set) => redis.zscore(`${prefix}:${queue}:${set}`, queued.recordId)),
    );
    const inHand = Number(started ?? 0) > Number(attempts ?? 0);
    const state = failed
      ? "failed"
      : delayed
        ? "to be tried again"
        : finishedOn
          ? "completed"
          : inHand
            ? "in a consumer's hands"
            : "waiting for a consumer";
    return {
      state,
      attempts: Number(attempts ?? 0),
      error: error || null,
      finishedAt: finishedOn ? new Date(Number(finishedOn)).toISOString() : null,
    };
  }
}

/** BullMQ's: made, attempts made and started, last error, finished. */
const JOB_FIELDS = ["timestamp", "atm", "ats", "failedReason", "finishedOn"] as const;

interface TracePlace {
  readonly redis: Redis;
  readonly meta: string;
  readonly key: string;
  readonly newest: number;
  readonly oldest: number;
}

/** The notes with one of these names, from the newest blocks. */
async function findNotes(
  { redis, meta, key, newest, oldest }: TracePlace,
  names: readonly string[],
): Promise<{ notes: ReadonlyMap<string, TraceNote>; more: boolean }> {
  const hashes = names.map((name) => hashOf(key, name));
  const lookUp = redis.pipeline();
  const asked: { readonly base: string; readonly hashed: Buffer }[] = [];
  for (let generation = newest; generation >= Math.max(oldest, newest - GENERATIONS); generation -= 1) {
    const base = `${meta}:${generation}`;
    for (const hashed of hashes) {
      asked.push({ base, hashed });
      lookUp.getBuffer(indexKey(base, bucketOf(hashed)));
    }
  }
  const answers = (await lookUp.exec()) ?? [];
  const blocks = new Set(
    answers.flatMap(([cause, index], position) => {
      if (cause) throw cause;
      const { base, hashed } = asked[position] as (typeof asked)[number];
      return index === null ? [] : blocksIn(index as Buffer, hashed).map((number) => `${base}:b${number}`);
    }),
  );
  let more = false;
  const wanted = new Set(names);
  const notes = new Map<string, TraceNote>();
  let read = 0;
  let length = 0;
  for (const block of blocks) {
    if (read === MAX_BLOCKS_READ || length > MAX_LENGTH_READ) {
      more = true;
      break;
    }
    const bytes = await redis.getBuffer(block);
    read += 1;
    if (!bytes) continue;
    const lines = (await inflateBlock(bytes)).toString();
    length += lines.length;
    for (const json of lines.split("\n")) {
      const note = JSON.parse(json) as TraceNote;
      if (namesOf(note.ids).some((name) => wanted.has(name))) notes.set(json, note);
    }
  }
  return { notes, more };
}

/** What the names of its keys begin with. */
export function traceKey(prefix: string): string {
  return `${prefix}:mm4d-trace2`;
}

/** Made by whoever comes first. It keeps numbers out of the names of keys, not from who reads all of this Redis. */
async function readKey(redis: Redis, meta: string): Promise<string> {
  await redis.hsetnx(meta, "key", randomBytes(32).toString("base64url"));
  const key = await redis.hget(meta, "key");
  if (key === null) throw new Error("The trace has no key");
  return key;
}

/** Under which a note is found. */
export function namesOf({ eventId, messageId, transactionId, numbers }: ReportIds): readonly string[] {
  const ids = [eventId, messageId, transactionId].filter((id) => id !== null);
  return [...ids.map(nameOfId), ...numbers.map((number) => `number ${number}`)];
}

function nameOfId(id: string): string {
  return `id ${bareId(id)}`;
}

const HASH_BYTES = 6;
/** The first byte tells the bucket. */
export const INDEXED_BYTES = HASH_BYTES - 1;
export const HASH_AT = HASH_BYTES - INDEXED_BYTES;
/** Each has an entry for most blocks, and is read as a whole: more make blocks dearer, fewer make questions dearer. */
const BUCKETS = Array.from({ length: 32 }, (_, bucket) => bucket);

/** One call: an HMAC costs four times as much, and nothing is appended to what we hash. */
export function hashOf(key: string, name: string): Buffer {
  return Buffer.from(hash("sha256", `${key} ${name}`, "hex").slice(0, 2 * HASH_BYTES), "hex");
}

export function bucketOf(hashed: Buffer): number {
  return (hashed[0] ?? 0) % BUCKETS.length;
}

export function indexKey(base: string, bucket: number): string {
  return `${base}:i${bucket.toString(16).padStart(2, "0")}`;
}

/** What a block adds to the index: buckets, each followed by its hashes in a row. */
function indexOf(key: string, names: ReadonlySet<string>): readonly (string | Buffer)[] {
  const byBucket = new Map<number, Buffer[]>();
  for (const name of names) {
    const hashed = hashOf(key, name);
    const bucket = byBucket.get(bucketOf(hashed)) ?? [];
    byBucket.set(bucketOf(hashed), bucket);
    bucket.push(hashed.subarray(1));
  }
  return [...byBucket].flatMap(([bucket, hashes]) => [indexKey("", bucket), Buffer.concat(hashes)]);
}

/** Numbers of the blocks with a hash, the newest first. */
function blocksIn(index: Buffer, hashed: Buffer): readonly number[] {
  const wanted = hashed.subarray(1);
  const blocks: number[] = [];
  for (let at = 0; at < index.byteLength; ) {
    const number = index.readUInt32BE(at);
    const from = at + 6;
    at = from + index.readUInt16BE(at + 4) * INDEXED_BYTES;
    for (let place = from; place < at; place += INDEXED_BYTES) {
      if (index.compare(wanted, 0, INDEXED_BYTES, place, place + INDEXED_BYTES) === 0) blocks.unshift(number);
    }
  }
  return blocks;
}

/**
 * Writes a block and its index. ARGV: now in ms, most bytes and ms of a
 * generation, for how many seconds it is kept, the block, then a bucket's name
 * and its hashes in turn. A key costs about 90 bytes besides what is in it, and
 * Redis keeps room for as much again behind what grows.
 */
const WRITE = `
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
