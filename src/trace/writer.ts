/**
 * Writes the trace: what is remembered about each report, so that it can be found
 * by its ids and its recipients' numbers. It is kept in Redis, where all processes
 * find it, and is bounded by time and by memory. No list of jobs is ever read for it.
 *
 * Entries wait in the process for a second. A kill loses these, but nothing else
 * depends on them.
 */
import { textOf } from "../delivery/event-text.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import {
  BUCKETS,
  blockKey,
  blocksKey,
  deflateBlock,
  GENERATIONS,
  indexKey,
  indexOf,
  namesOf,
  readKey,
  traceKey,
  WRITE,
} from "./blocks.ts";
import { lineOf, type TraceEntry } from "./entry.ts";
import { shortened } from "./note.ts";

export interface TraceOptions {
  readonly place: QueuePlace;
  /** How long entries are kept; 0 when none are. */
  readonly hours: number;
  /** The most memory that they take in Redis. */
  readonly maxBytes: number;
}

export interface TraceWriter {
  /** Remembers an entry until the next flush. */
  write(entry: TraceEntry): void;
  /** Writes what waits to Redis. Rejects when Redis does not take it; then those entries are lost. */
  flush(): Promise<void>;
  /** Entries that were lost so far. */
  lost(): number;
}

const HOUR_MS = 3_600_000;
/** Limited because a block is read as a whole, which takes some milliseconds at this size. */
const MAX_ENTRIES_IN_BLOCK = 200;
const MAX_BLOCK_LENGTH = 512 * 1024;
/** A longer entry is written without its event. */
const MAX_ENTRY_LENGTH = 32 * 1024;
/** The most that waits while Redis is away. Beyond it, the oldest entries are lost first. */
const MAX_LENGTH_WAITING = 16 * 1024 * 1024;
/** An entry in the form in which it is written, and the names by which it is found. */
interface Waiting {
  readonly line: string;
  readonly names: readonly string[];
}

export function createTraceWriter({ place: { redis, prefix }, hours, maxBytes }: TraceOptions): TraceWriter {
  const meta = traceKey(prefix);
  let waiting: Waiting[] = [];
  let waitingLength = 0;
  let lost = 0;
  let added = 0;
  let isBurst = false;
  let writing: Promise<void> = Promise.resolve();

  function take(): readonly Waiting[] {
    let length = 0;
    let count = 0;
    while (count < Math.min(waiting.length, MAX_ENTRIES_IN_BLOCK) && length < MAX_BLOCK_LENGTH) {
      length += waiting[count]?.line.length ?? 0;
      count += 1;
    }
    waitingLength -= length;
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken;
  }

  async function writeWhile(isDue: () => boolean): Promise<void> {
    if (!isDue()) return;
    const key = await readKey(redis, meta);
    while (isDue()) {
      const entries = take();
      try {
        await writeBlock(entries, key);
      } catch (cause) {
        lost += entries.length;
        throw cause;
      }
    }
  }

  /** One block at a time. */
  function write(isDue: () => boolean): Promise<void> {
    const mine = writing.then(() => writeWhile(isDue));
    writing = mine.catch(() => {}); // Its own caller gets the error.
    return mine;
  }

  /** In a burst no more waits than a full block: smaller ones cost as much, and take more memory an entry. */
  function writeFull(): void {
    if (isBurst || waiting.length < MAX_ENTRIES_IN_BLOCK || redis.status !== "ready") return;
    isBurst = true;
    // One that fails counts its entries as lost.
    void write(() => waiting.length >= MAX_ENTRIES_IN_BLOCK)
      .catch(() => {})
      .finally(() => {
        isBurst = false;
      });
  }

  async function writeBlock(entries: readonly Waiting[], key: string): Promise<void> {
    const block = await deflateBlock(entries.map(({ line }) => line).join("\n"));
    const generationMs = (hours * HOUR_MS) / GENERATIONS;
    const keptSeconds = Math.ceil((hours * HOUR_MS + generationMs) / 1000);
    const bounds = [Date.now(), Math.floor(maxBytes / GENERATIONS), generationMs, keptSeconds];
    const index = indexOf(key, new Set(entries.flatMap(({ names }) => names)));
    const [generation, oldest] = (await redis.eval(WRITE, 1, meta, ...bounds, block, ...index)) as [number, number];
    if (generation - oldest >= GENERATIONS) await removeGeneration(oldest);
  }

  /** Each process that finds one generation too many removes it; several doing so do no harm. */
  async function removeGeneration(generation: number): Promise<void> {
    const base = `${meta}:${generation}`;
    const blocks = Number(await redis.get(blocksKey(base)));
    const keys = [
      ...Array.from({ length: blocks }, (_, index) => blockKey(base, index + 1)),
      ...BUCKETS.map((bucket) => indexKey(base, bucket)),
      blocksKey(base),
    ];
    for (let from = 0; from < keys.length; from += 500) await redis.unlink(...keys.slice(from, from + 500));
    await redis.hset(meta, "oldest", generation + 1);
  }

  return {
    write(entry) {
      if (hours === 0) return;
      const line = jsonOf(entry);
      waitingLength += line.length;
      waiting.push({ line, names: namesOf(entry.ids) });
      added += 1;
      writeFull();
      while (waitingLength > MAX_LENGTH_WAITING) lost += take().length;
    },
    flush() {
      const until = added;
      return write(() => waiting.length > 0 && added - waiting.length < until);
    },
    lost: () => lost,
  };
}

function jsonOf(entry: TraceEntry): string {
  if (entry.kind === "report") return lineOf(entry);
  if (!("event" in entry) || entry.event === null) return JSON.stringify(entry);
  const { event, ...rest } = entry;
  const around = JSON.stringify(rest).slice(0, -1);
  const whole = `${around},"event":${textOf(event)}}`;
  if (whole.length <= MAX_ENTRY_LENGTH) return whole;
  const short = `${around},"event":${JSON.stringify(shortened(event))}}`;
  return short.length <= MAX_ENTRY_LENGTH ? short : `${around},"event":null}`;
}
