/** Removes reports from the trace: writes blocks anew without their notes, and erases their names from the index. */
import type { Redis } from "ioredis";
import type { QueuePlace } from "../queue/queue-place.ts";
import {
  blockKey,
  blocksKey,
  bucketOf,
  deflateBlock,
  entriesIn,
  GENERATIONS,
  HASH_AT,
  hashOf,
  INDEXED_BYTES,
  indexKey,
  inflateBlock,
  namesOf,
  traceKey,
} from "./blocks.ts";
import type { TraceNote } from "./note.ts";

/** A hash in the index, and of which block it is. */
interface Indexed {
  readonly number: number;
  readonly hashed: Buffer;
}

interface Block {
  readonly base: string;
  readonly number: number;
  readonly lines: readonly string[];
}

/**
 * Removes each note that `concerns` picks, and all others of the same events; gives how many.
 * `eventIds` are further events whose notes go, and the events of the picked notes are added to it.
 * Services may write meanwhile, because they never change a block and only append to the index.
 */
export async function forgetInTrace(
  { redis, prefix }: QueuePlace,
  concerns: (json: string) => boolean,
  eventIds: Set<string>,
  dryRun: boolean,
): Promise<number> {
  const meta = traceKey(prefix);
  const [key, newest, oldest] = await redis.hmget(meta, "key", "generation", "oldest");
  if (!key || !newest) return 0;
  const first = Math.max(Number(oldest ?? 1), Number(newest) - GENERATIONS);

  async function* blocks(): AsyncGenerator<Block> {
    for (let generation = first; generation <= Number(newest); generation += 1) {
      const base = `${meta}:${generation}`;
      const count = Number(await redis.get(blocksKey(base)));
      for (let number = 1; number <= count; number += 1) {
        const bytes = await redis.getBuffer(blockKey(base, number));
        if (bytes) yield { base, number, lines: await linesOf(bytes) };
      }
    }
  }

  for await (const { lines } of blocks()) {
    for (const line of lines) {
      const { eventId } = concerns(line) ? noteIn(line).ids : { eventId: null };
      if (eventId !== null) eventIds.add(eventId);
    }
  }
  const goneOf = (lines: readonly string[]): ReadonlySet<string> => {
    // A later note of an event may hold nothing but the event's id.
    const isOfEvent = (line: string): boolean => eventIds.size > 0 && eventIds.has(noteIn(line).ids.eventId ?? "");
    return new Set(lines.filter((line) => concerns(line) || isOfEvent(line)));
  };
  let removed = 0;
  const concerned: Omit<Block, "lines">[] = [];
  const unnamed = new Map<string, Indexed[]>();
  for await (const { base, number, lines } of blocks()) {
    const gone = goneOf(lines);
    if (gone.size === 0) continue;
    removed += gone.size;
    concerned.push({ base, number });
    const names = new Set([...gone].flatMap((line) => namesOf(noteIn(line).ids)));
    for (const line of lines) if (!gone.has(line)) for (const name of namesOf(noteIn(line).ids)) names.delete(name);
    for (const name of names) {
      const hashed = hashOf(key, name);
      const index = indexKey(base, bucketOf(hashed));
      unnamed.set(index, [...(unnamed.get(index) ?? []), { number, hashed }]);
    }
  }
  if (dryRun) return removed;
  // A person whose run was stopped in the middle runs it again. So the notes go last, because only they tell which
  // names to erase; the newest go first, because only the first note of an event may hold the number.
  for (const [index, places] of unnamed) await eraseIn(redis, index, places);
  for (const { base, number } of concerned.reverse()) {
    const block = blockKey(base, number);
    const bytes = await redis.getBuffer(block);
    if (bytes) await rewriteBlock(redis, block, bytes, goneOf);
  }
  return removed;
}

async function rewriteBlock(
  redis: Redis,
  block: string,
  bytes: Buffer,
  goneOf: (lines: readonly string[]) => ReadonlySet<string>,
): Promise<void> {
  const lines = await linesOf(bytes);
  const gone = goneOf(lines);
  const kept = lines.filter((line) => !gone.has(line));
  if (kept.length === 0) await redis.unlink(block);
  else await redis.set(block, await deflateBlock(kept.join("\n")), "KEEPTTL", "XX");
}

async function linesOf(block: Buffer): Promise<readonly string[]> {
  return (await inflateBlock(block)).split("\n");
}

function noteIn(line: string): TraceNote {
  return JSON.parse(line) as TraceNote;
}

/** Writes zeros over the hashes. */
async function eraseIn(redis: Redis, index: string, places: readonly Indexed[]): Promise<void> {
  const bytes = await redis.getBuffer(index);
  if (bytes === null) return;
  const wanted = new Set(places.map(({ number, hashed }) => `${number} ${hashed.toString("hex", HASH_AT)}`));
  for (const { number, from, to } of entriesIn(bytes)) {
    for (let at = from; at < to; at += INDEXED_BYTES) {
      const found = `${number} ${bytes.toString("hex", at, at + INDEXED_BYTES)}`;
      if (wanted.has(found)) await redis.eval(ERASE, 1, index, at, Buffer.alloc(INDEXED_BYTES));
    }
  }
}

/** SETRANGE would make the key of a generation that was removed meanwhile. */
const ERASE = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SETRANGE', KEYS[1], ARGV[1], ARGV[2]) end
`;
