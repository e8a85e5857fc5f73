/** Where a trace has its blocks, the newest first: all of them, or those that the index has for a name. */
import type { Redis } from "ioredis";
import type { QueuePlace } from "../queue/queue-place.ts";
import { blockKey, blocksIn, blocksKey, bucketOf, GENERATIONS, hashOf, indexKey, tracesToRead } from "./blocks.ts";

/** A trace in which something was written, and its generations that may be looked into. */
export interface WrittenTrace {
  readonly redis: Redis;
  readonly meta: string;
  /** The key of the hashes. */
  readonly key: string;
  readonly newest: number;
  readonly oldest: number;
}

/** Where one block is. */
export interface BlockPlace {
  /** Which of the traces, counted from 0. */
  readonly trace: number;
  readonly generation: number;
  readonly number: number;
}

/** The traces that there are: that of now first, then that of mm4d 1.0. */
export async function tracesOf({ redis, prefix }: QueuePlace): Promise<readonly (WrittenTrace | null)[]> {
  return Promise.all(
    tracesToRead(prefix).map(async (meta) => {
      const [key, generation, oldest] = await redis.hmget(meta, "key", "generation", "oldest");
      if (!key || !generation) return null;
      const newest = Number(generation);
      return { redis, meta, key, newest, oldest: Math.max(Number(oldest ?? 1), newest - GENERATIONS) };
    }),
  );
}

/** The key of a block in Redis. */
export function keyOfBlock(
  traces: readonly (WrittenTrace | null)[],
  { trace, generation, number }: BlockPlace,
): string {
  return blockKey(`${traces[trace]?.meta}:${generation}`, number);
}

/** All blocks from a place on, wherever that is; from the newest one where none is given. */
export async function* blocksBackwards(
  traces: readonly (WrittenTrace | null)[],
  from: BlockPlace | null,
): AsyncGenerator<BlockPlace> {
  for (let trace = from?.trace ?? 0; trace < traces.length; trace += 1) {
    const written = traces[trace];
    if (!written) continue;
    const begin = from?.trace === trace ? from : null;
    for (
      let generation = Math.min(begin?.generation ?? ALL, written.newest);
      generation >= written.oldest;
      generation -= 1
    ) {
      const last =
        begin?.generation === generation
          ? begin.number
          : Number(await written.redis.get(blocksKey(`${written.meta}:${generation}`)));
      for (let number = last; number >= 1; number -= 1) yield { trace, generation, number };
    }
  }
}

const ALL = Number.MAX_SAFE_INTEGER;

/** The blocks of one trace that its index has for one of these names. */
export async function blocksNamed(
  traces: readonly (WrittenTrace | null)[],
  trace: number,
  names: readonly string[],
): Promise<readonly BlockPlace[]> {
  const written = traces[trace];
  if (!written) return [];
  const { redis, meta, key, newest, oldest } = written;
  const hashes = names.map((name) => hashOf(key, name));
  const lookUp = redis.pipeline();
  const asked: { readonly generation: number; readonly hashed: Buffer }[] = [];
  for (let generation = newest; generation >= oldest; generation -= 1) {
    for (const hashed of hashes) {
      asked.push({ generation, hashed });
      lookUp.getBuffer(indexKey(`${meta}:${generation}`, bucketOf(hashed)));
    }
  }
  const found = new Map<number, Set<number>>();
  for (const [position, [cause, index]] of ((await lookUp.exec()) ?? []).entries()) {
    if (cause) throw cause;
    const { generation, hashed } = asked[position] as (typeof asked)[number];
    const numbers = found.get(generation) ?? new Set();
    if (index !== null) for (const number of blocksIn(index as Buffer, hashed)) numbers.add(number);
    found.set(generation, numbers);
  }
  return [...found].flatMap(([generation, numbers]) =>
    [...numbers].sort((a, b) => b - a).map((number) => ({ trace, generation, number })),
  );
}

/** Whether one place comes before another, or is the same, as they are gone through. */
export function isNoNewer(one: BlockPlace, other: BlockPlace): boolean {
  if (one.trace !== other.trace) return one.trace > other.trace;
  if (one.generation !== other.generation) return one.generation < other.generation;
  return one.number <= other.number;
}
