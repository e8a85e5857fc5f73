/**
 * What stands in a Redis, as text that diffs well and depends on no version of
 * Redis: one line of JSON a key. A value that is no UTF-8 is written as base64.
 */
import type { Redis } from "ioredis";

/** A text, or bytes that are none. */
type Value = string | { readonly base64: string };

type Content =
  | { readonly type: "string"; readonly value: Value }
  | { readonly type: "list"; readonly value: readonly Value[] }
  | { readonly type: "set"; readonly value: readonly Value[] }
  /** Fields with what is in them. */
  | { readonly type: "hash"; readonly value: readonly (readonly [Value, Value])[] }
  /** Members with their scores, as Redis writes numbers. */
  | { readonly type: "zset"; readonly value: readonly (readonly [Value, string])[] }
  /** Entries with their ids. */
  | { readonly type: "stream"; readonly value: readonly (readonly [string, readonly Value[]])[] };

/** A key, and for how long it would have been there; null for ever. */
export type Key = { readonly key: string; readonly ttlMs: number | null } & Content;

export function writeKeys(keys: readonly Key[]): string {
  return keys.map((key) => `${JSON.stringify(key)}\n`).join("");
}

export function readKeys(text: string): readonly Key[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Key);
}

/** Everything in the database, by name. */
export async function saveKeys(redis: Redis): Promise<readonly Key[]> {
  const keys: Key[] = [];
  for (const key of (await redis.keys("*")).sort()) {
    const ttlMs = await redis.pttl(key);
    keys.push({ key, ttlMs: ttlMs < 0 ? null : ttlMs, ...(await contentOf(redis, key)) });
  }
  return keys;
}

async function contentOf(redis: Redis, key: string): Promise<Content> {
  const type = await redis.type(key);
  switch (type) {
    case "string":
      return { type, value: written((await redis.getBuffer(key)) ?? Buffer.alloc(0)) };
    case "list":
      return { type, value: (await redis.lrangeBuffer(key, 0, -1)).map(written) };
    case "set":
      return { type, value: (await redis.smembersBuffer(key)).map(written).sort(byText) };
    case "hash":
      return { type, value: pairs((await redis.callBuffer("HGETALL", key)) as Buffer[]).sort(byText) };
    case "zset": {
      const members = pairs((await redis.zrangeBuffer(key, 0, -1, "WITHSCORES")) as Buffer[]);
      return { type, value: members.map(([member, score]) => [member, String(score)]) };
    }
    case "stream": {
      const entries = await redis.xrangeBuffer(key, "-", "+");
      return { type, value: entries.map(([id, fields]) => [id.toString(), fields.map(written)]) };
    }
    default:
      throw new Error(`Cannot save ${key}: it is a ${type}, must be of a type that is known here`);
  }
}

/** Puts the keys into an empty Redis. How long each is there counts from now. */
export async function loadKeys(redis: Redis, keys: readonly Key[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const content of keys) {
    const { key, ttlMs } = content;
    for (const [name, ...args] of commandsFor(content)) pipeline.call(name, key, ...args);
    if (ttlMs !== null) pipeline.pexpire(key, ttlMs);
  }
  for (const [cause] of (await pipeline.exec()) ?? []) if (cause) throw cause;
}

function commandsFor(content: Content): readonly (readonly [string, ...(string | Buffer)[]])[] {
  switch (content.type) {
    case "string":
      return [["SET", bytesOf(content.value)]];
    case "list":
      return [["RPUSH", ...content.value.map(bytesOf)]];
    case "set":
      return [["SADD", ...content.value.map(bytesOf)]];
    case "hash":
      return [["HSET", ...content.value.flat().map(bytesOf)]];
    case "zset":
      return [["ZADD", ...content.value.flatMap(([member, score]) => [score, bytesOf(member)])]];
    case "stream":
      return content.value.map(([id, fields]) => ["XADD", id, ...fields.map(bytesOf)]);
  }
}

function pairs(flat: readonly Buffer[]): [Value, Value][] {
  const at = (index: number): Value => written(flat[index] ?? Buffer.alloc(0));
  return Array.from({ length: flat.length / 2 }, (_, index) => [at(2 * index), at(2 * index + 1)]);
}

function written(bytes: Buffer): Value {
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : { base64: bytes.toString("base64") };
}

function bytesOf(value: Value): string | Buffer {
  return typeof value === "string" ? value : Buffer.from(value.base64, "base64");
}

function byText(a: unknown, b: unknown): number {
  const [first, second] = [JSON.stringify(a), JSON.stringify(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}
