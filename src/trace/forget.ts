/** Removes reports from the trace: writes blocks anew without their entries, and erases their names from the index. */
import type { Redis } from "ioredis";
import type { QueuePlace } from "../queue/queue-place.ts";
import {
  blockKey,
  blocksKey,
  bucketOf,
  entriesIn,
  GENERATIONS,
  HASH_AT,
  hashOf,
  INDEXED_BYTES,
  indexKey,
  namesOf,
  packBlock,
  tracesToRead,
  unpackBlock,
} from "./blocks.ts";
import { entryIn } from "./entry.ts";

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
 * Removes each entry that `concerns` picks, and all others of the same events; gives how many.
 * `eventIds` are further events whose entries go, and the events of the picked ones are added to it.
 * Services may write meanwhile, because they never change a block and only append to the index.
 */
export async function forgetInTrace(
  { redis, prefix }: QueuePlace,
  concerns: (json: string) => boolean,
  eventIds: Set<string>,
  dryRun: boolean,
): Promise<number> {
  const traces = tracesToRead(prefix);
  for (const meta of traces) {
    for await (const { lines } of blocksOf(redis, meta)) {
      for (const line of lines) {
        const { eventId } = concerns(line) ? entryIn(line).ids : { eventId: null };
        if (eventId !== null) eventIds.add(eventId);
      }
    }
  }
  const goneOf = (lines: readonly string[]): ReadonlySet<string> => {
    // A later entry of an event may hold nothing but the event's id.
    const isOfEvent = (line: string): boolean => eventIds.size > 0 && eventIds.has(entryIn(line).ids.eventId ?? "");
    return new Set(lines.filter((line) => concerns(line) || isOfEvent(line)));
  };
  let removed = 0;
  // The oldest last: see forgetIn.
  for (const meta of traces) removed += await forgetIn(redis, meta, goneOf, dryRun);
  return removed;
}

async function* blocksOf(redis: Redis, meta: string): AsyncGenerator<Block> {
  const [newest, oldest] = await redis.hmget(meta, "generation", "oldest");
  if (!newest) return;
  const first = Math.max(Number(oldest ?? 1), Number(newest) - GENERATIONS);
  for (let generation = first; generation <= Number(newest); generation += 1) {
    const base = `${meta}:${generation}`;
    const count = Number(await redis.get(blocksKey(base)));
    for (let number = 1; number <= count; number += 1) {
      const bytes = await redis.getBuffer(blockKey(base, number));
      if (bytes) yield { base, number, lines: await linesOf(bytes) };
    }
  }
}

/** Gives how many entries are gone, or would be. */
async function forgetIn(
  redis: Redis,
  meta: string,
  goneOf: (lines: readonly string[]) => ReadonlySet<string>,
  dryRun: boolean,
): Promise<number> {
  const key = await redis.hget(meta, "key");
  if (key === null) return 0;
  let removed = 0;
  const concerned: Omit<Block, "lines">[] = [];
  const unnamed = new Map<string, Indexed[]>();
  for await (const { base, number, lines } of blocksOf(redis, meta)) {
    const gone = goneOf(lines);
    if (gone.size === 0) continue;
    removed += gone.size;
    concerned.push({ base, number });
    const names = new Set([...gone].flatMap((line) => namesOf(entryIn(line).ids)));
    for (const line of lines) if (!gone.has(line)) for (const name of namesOf(entryIn(line).ids)) names.delete(name);
    for (const name of names) {
      const hashed = hashOf(key, name);
      const index = indexKey(base, bucketOf(hashed));
      unnamed.set(index, [...(unnamed.get(index) ?? []), { number, hashed }]);
    }
  }
  if (dryRun) return removed;
  // A person whose run was stopped in the middle runs it again. So the entries go last, because only they tell which
  // names to erase; the newest go first, because only the first entry of an event may hold the number.
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
  else await redis.set(block, await packBlock(kept.join("\n")), "KEEPTTL", "XX");
}

async function linesOf(block: Buffer): Promise<readonly string[]> {
  return (await unpackBlock(block)).split("\n");
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
