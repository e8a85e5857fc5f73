/** Removes reports from the trace: blocks are written anew without their notes, and the index without their names. */
import type { Redis } from "ioredis";
import type { TraceNote } from "./note.ts";
import {
  bucketOf,
  deflateBlock,
  GENERATIONS,
  HASH_AT,
  hashOf,
  INDEXED_BYTES,
  indexKey,
  inflateBlock,
  namesOf,
  traceKey,
} from "./writer.ts";

/** A place in the index: of which block, by which hash. */
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
 * Gives how many notes were removed: those that `concerns` says it of, and all others of the
 * events in `eventIds`, to which it adds the events of the former. Services may write meanwhile:
 * a block is never changed by them, and the index only grows.
 */
export async function forgetInTrace(
  redis: Redis,
  prefix: string,
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
      const count = Number(await redis.get(`${base}:blocks`));
      for (let number = 1; number <= count; number += 1) {
        const bytes = await redis.getBuffer(`${base}:b${number}`);
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
    // What was said of it later holds its event's id only.
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
  // Who is stopped in the middle runs it again. So the notes go last, because only they tell which names to erase,
  // and the newest first, because only the first one of an event may hold the number.
  for (const [index, places] of unnamed) await eraseIn(redis, index, places);
  for (const { base, number } of concerned.reverse()) {
    const block = `${base}:b${number}`;
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
  return (await inflateBlock(block)).toString().split("\n");
}

function noteIn(line: string): TraceNote {
  return JSON.parse(line) as TraceNote;
}

/** Zeros where the hashes stood. */
async function eraseIn(redis: Redis, index: string, places: readonly Indexed[]): Promise<void> {
  const bytes = await redis.getBuffer(index);
  if (bytes === null) return;
  const wanted = new Set(places.map(({ number, hashed }) => `${number} ${hashed.toString("hex", HASH_AT)}`));
  for (let at = 0; at < bytes.byteLength; ) {
    const number = bytes.readUInt32BE(at);
    const from = at + 6;
    at = from + bytes.readUInt16BE(at + 4) * INDEXED_BYTES;
    for (let place = from; place < at; place += INDEXED_BYTES) {
      const found = `${number} ${bytes.toString("hex", place, place + INDEXED_BYTES)}`;
      if (wanted.has(found)) await redis.eval(ERASE, 1, index, place, Buffer.alloc(INDEXED_BYTES));
    }
  }
}

/** A generation that has gone meanwhile must not come back. */
const ERASE = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SETRANGE', KEYS[1], ARGV[1], ARGV[2]) end
`;
