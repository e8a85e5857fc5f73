import { deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import {
  blocksIn,
  bucketOf,
  entriesIn,
  hashOf,
  INDEXED_BYTES,
  indexKey,
  indexOf,
  namesOf,
  packBlock,
  unpackBlock,
} from "../../src/trace/blocks.ts";

const KEY = "tIGpe0xVfTVv4jRyFbNGb1OeKwcEKfVdeQvqBNzVDZk";

/** What Redis appends for a block: see the script. */
function entry(number: number, hashes: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(number);
  head.writeUInt16BE(hashes.byteLength / INDEXED_BYTES, 4);
  return Buffer.concat([head, hashes]);
}

test("a note is found under each of its ids, without quotes, and each of its numbers", () => {
  const ids = {
    eventId: "r1",
    messageId: '"<mm-1>"',
    transactionId: null,
    numbers: ["12025550155", "kim@example.net"],
  };
  expect(namesOf(ids)).toEqual(["id r1", "id mm-1", "number 12025550155", "number kim@example.net"]);
});

test("a name has the same hash and place as in what earlier versions wrote", () => {
  const hashed = hashOf(KEY, "number 12025550155");
  expect([hashed.toString("hex"), indexKey("bull:mm4d-trace2:7", bucketOf(hashed))]).toEqual([
    "92fc47fdf973",
    "bull:mm4d-trace2:7:i12",
  ]);
  expect(indexOf(KEY, new Set(["number 12025550155"]))).toEqual([":i12", hashed.subarray(1)]);
});

test("the blocks of a name are found in its bucket, the newest first, and those of no other name", () => {
  const names = Array.from({ length: 500 }, (_, index) => `id mm-${index}`);
  const buckets = new Map<string, Buffer>();
  for (const [number, some] of [names.slice(0, 300), names.slice(200), names.slice(0, 10)].entries()) {
    const added = indexOf(KEY, new Set(some));
    for (let at = 0; at < added.length; at += 2) {
      const bucket = String(added[at]);
      const before = buckets.get(bucket) ?? Buffer.alloc(0);
      buckets.set(bucket, Buffer.concat([before, entry(number + 1, added[at + 1] as Buffer)]));
    }
  }
  const found = (name: string): readonly number[] => {
    const hashed = hashOf(KEY, name);
    return blocksIn(buckets.get(indexKey("", bucketOf(hashed))) ?? Buffer.alloc(0), hashed);
  };
  expect([found("id mm-5"), found("id mm-100"), found("id mm-250"), found("id mm-499")]).toEqual([
    [3, 1],
    [1],
    [2, 1],
    [2],
  ]);
  expect(found("id mm-500")).toEqual([]);
  const hashes = [...buckets.values()].flatMap((bucket) => [...entriesIn(bucket)]);
  expect(hashes.reduce((sum, { from, to }) => sum + (to - from) / INDEXED_BYTES, 0)).toBe(300 + 300 + 10);
});

test("a block holds its lines as they were", async () => {
  const lines = `{"a":"ü"}\n{"b":"${"x".repeat(10_000)}"}`;
  const block = await packBlock(lines);
  expect(block.byteLength).toBeLessThan(200);
  expect(await unpackBlock(block)).toBe(lines);
});

test.each([0, 1, 3, 9])("a block of earlier versions is read, at level %s", async (level) => {
  for (const lines of ['{"a":"ü"}', `{"b":"${"x".repeat(10_000)}"}`, Array.from({ length: 9_999 }, Math.random).join()])
    expect(await unpackBlock(deflateRawSync(lines, { level }))).toBe(lines);
});
