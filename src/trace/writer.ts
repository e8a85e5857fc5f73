/**
 * Writes the trace: what is remembered about each report, so that it can be found
 * by its ids and its recipients' numbers. It is kept in Redis, where all processes
 * find it, and is bounded by time and by memory. No list of jobs is ever read for it.
 *
 * Notes wait in the process for a second. A kill loses these, but nothing else
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
import { type ReportIds, shortened, type TraceNote } from "./note.ts";

export interface TraceOptions {
  readonly place: QueuePlace;
  /** How long notes are kept; 0 when none are. */
  readonly hours: number;
  /** The most memory that they take in Redis. */
  readonly maxBytes: number;
}

export interface TraceWriter {
  /** Remembers a note until the next flush. */
  write(note: TraceNote): void;
  /** Writes what waits to Redis. Rejects when Redis does not take it; then those notes are lost. */
  flush(): Promise<void>;
  /** Notes that were lost so far. */
  lost(): number;
}

const HOUR_MS = 3_600_000;
/** Limited because a block is read as a whole, which takes some milliseconds at this size. */
const MAX_NOTES_IN_BLOCK = 200;
const MAX_BLOCK_LENGTH = 512 * 1024;
/** A longer note is written without its event. */
const MAX_NOTE_LENGTH = 32 * 1024;
/** The most that waits while Redis is away. Beyond it, the oldest notes are lost first. */
const MAX_LENGTH_WAITING = 16 * 1024 * 1024;
/** In a burst, notes are written as soon as so many wait, before the second is over. */
const BURST = 400;
/** How many events the writer remembers whose received note is written. */
const MAX_RECEIVED_KNOWN = 100_000;

/** Notes in the form in which they are written, one a line, and the names by which they are found. */
interface Waiting {
  lines: string;
  readonly names: readonly string[];
  /** The event's id in a received note. */
  readonly eventId: string | null;
}

export function createTraceWriter({ place: { redis, prefix }, hours, maxBytes }: TraceOptions): TraceWriter {
  const meta = traceKey(prefix);
  let waiting: Waiting[] = [];
  let waitingLength = 0;
  /** By event: its received note while that waits, and null once it is written. */
  let received = new Map<string, Waiting | null>();
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
    for (const { eventId } of taken) if (eventId !== null && received.has(eventId)) received.set(eventId, null);
    return taken;
  }

  function remember(eventId: string, entry: Waiting): void {
    if (received.size >= MAX_RECEIVED_KNOWN) received = new Map();
    received.set(eventId, entry);
  }

  /** Counts notes as lost. Later notes may rely on the events in them, so from now on none does. */
  function lose(notes: readonly Waiting[]): void {
    lost += notes.length;
    received = new Map();
  }

  async function flushAll(): Promise<void> {
    if (waiting.length === 0) return;
    const key = await readKey(redis, meta);
    while (waiting.length > 0) {
      const notes = take();
      try {
        await writeBlock(notes, key);
      } catch (cause) {
        lose(notes);
        throw cause;
      }
    }
  }

  async function writeBlock(notes: readonly Waiting[], key: string): Promise<void> {
    const block = await deflateBlock(notes.map(({ lines }) => lines).join("\n"));
    const generationMs = (hours * HOUR_MS) / GENERATIONS;
    const keptSeconds = Math.ceil((hours * HOUR_MS + generationMs) / 1000);
    const bounds = [Date.now(), Math.floor(maxBytes / GENERATIONS), generationMs, keptSeconds];
    const index = indexOf(key, new Set(notes.flatMap(({ names }) => names)));
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

  function flush(): Promise<void> {
    flushing ??= flushAll().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  return {
    write(note) {
      if (hours === 0) return;
      const { eventId } = note.ids;
      // A queued note follows its received note within milliseconds, and need not repeat the event.
      const isKnown = note.kind === "queued" && eventId !== null && received.has(eventId);
      const written = isKnown ? { ...note, event: null, ids: { ...NO_IDS, eventId } } : note;
      const line = jsonOf(written);
      waitingLength += line.length;
      const before = isKnown ? received.get(eventId) : null;
      // In one block, because a search that finds the one must find the other.
      if (before) before.lines += `\n${line}`;
      else {
        const entry = { lines: line, names: namesOf(written.ids), eventId: note.kind === "received" ? eventId : null };
        waiting.push(entry);
        if (entry.eventId !== null) remember(entry.eventId, entry);
      }
      // A flush that fails here counts its notes as lost.
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
