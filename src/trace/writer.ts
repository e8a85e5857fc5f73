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
  GENERATIONS,
  indexKey,
  indexOf,
  packBlock,
  readKey,
  traceKey,
  WRITE,
} from "./blocks.ts";
import { lineOf, type TraceEntry } from "./entry.ts";
import { shortened } from "./note.ts";
import { createWaitingBlocks, type WaitingBlock } from "./waiting.ts";

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
/** A longer entry is written without its event. */
const MAX_ENTRY_LENGTH = 32 * 1024;
/** The most that waits while Redis is away. Beyond it, the oldest entries are lost first. */
const MAX_BYTES_WAITING = 16 * 1024 * 1024;

export function createTraceWriter({ place: { redis, prefix }, hours, maxBytes }: TraceOptions): TraceWriter {
  const meta = traceKey(prefix);
  const waiting = createWaitingBlocks();
  let lost = 0;
  let isBurst = false;
  let writing: Promise<void> = Promise.resolve();

  async function writeWhile(isDue: () => boolean): Promise<void> {
    if (!isDue()) return;
    const key = await readKey(redis, meta);
    while (isDue()) {
      const block = waiting.take();
      if (block === undefined) return;
      try {
        await writeBlock(block, key);
      } catch (cause) {
        lost += block.entries;
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
    if (isBurst || !waiting.isOneFull() || redis.status !== "ready") return;
    isBurst = true;
    // One that fails counts its entries as lost.
    void write(waiting.isOneFull)
      .catch(() => {})
      .finally(() => {
        isBurst = false;
      });
  }

  async function writeBlock({ bytes, length, names }: WaitingBlock, key: string): Promise<void> {
    const block = await packBlock(bytes.subarray(0, length));
    waiting.useAgain(bytes);
    const generationMs = (hours * HOUR_MS) / GENERATIONS;
    const keptSeconds = Math.ceil((hours * HOUR_MS + generationMs) / 1000);
    const bounds = [Date.now(), Math.floor(maxBytes / GENERATIONS), generationMs, keptSeconds];
    const index = indexOf(key, names);
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
      if (entry.kind === "report") waiting.add(lineOf(entry, entry.header.length), entry.header, entry.ids);
      else waiting.add(jsonOf(entry), null, entry.ids);
      writeFull();
      while (waiting.length() > MAX_BYTES_WAITING) lost += waiting.take()?.entries ?? 0;
    },
    flush() {
      const last = waiting.newest();
      return write(() => last !== undefined && waiting.has(last));
    },
    lost: () => lost,
  };
}

function jsonOf(entry: Exclude<TraceEntry, { kind: "report" }>): string {
  if (!("event" in entry) || entry.event === null) return JSON.stringify(entry);
  const { event, ...rest } = entry;
  const around = JSON.stringify(rest).slice(0, -1);
  const whole = `${around},"event":${textOf(event)}}`;
  if (whole.length <= MAX_ENTRY_LENGTH) return whole;
  const short = `${around},"event":${JSON.stringify(shortened(event))}}`;
  return short.length <= MAX_ENTRY_LENGTH ? short : `${around},"event":null}`;
}
