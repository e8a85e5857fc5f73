import fc from "fast-check";
import { expect, test } from "vitest";
import { packBlock, unpackBlock } from "../../src/trace/blocks.ts";
import { createWaitingBlocks, type WaitingBlock } from "../../src/trace/waiting.ts";

const ids = (messageId: string) => ({ eventId: null, messageId, transactionId: null, numbers: ["1"] });
const linesOf = ({ bytes, length }: WaitingBlock) => bytes.toString("utf8", 0, length).split("\n");

test("what waits comes out in blocks, the oldest first, as it was, with its names once each", () => {
  const waiting = createWaitingBlocks();
  const lines = Array.from({ length: 450 }, (_, index) => `{"line":"${index} ü€😀"}`);
  for (const line of lines) waiting.add(line, null, ids(line));
  expect([waiting.isOneFull(), waiting.length()]).toEqual([true, Buffer.byteLength(lines.join("\n")) - 2]);
  const taken: WaitingBlock[] = [];
  for (let block = waiting.take(); block !== undefined; block = waiting.take()) taken.push(block);
  expect(taken.map(({ entries, names }) => [entries, names.size])).toEqual([
    [200, 201],
    [200, 201],
    [50, 51],
  ]);
  expect(taken.flatMap(linesOf)).toEqual(lines);
  expect([waiting.length(), waiting.isOneFull(), waiting.newest()]).toEqual([0, false, undefined]);
});

test("a line is never cut: it begins a block where it may not fit, and has one of its own where none is long enough", () => {
  const waiting = createWaitingBlocks();
  const lines = ["€".repeat(100_000), "€".repeat(100_000), "€".repeat(300_000), "x", "x".repeat(80_000)];
  for (const line of lines) waiting.add(line, null, ids(line));
  const taken: string[][] = [];
  for (let block = waiting.take(); block !== undefined; block = waiting.take()) {
    taken.push(linesOf(block));
    waiting.useAgain(block.bytes);
  }
  expect(taken.flat()).toEqual(lines);
  expect(taken.length).toBeGreaterThan(3);
});

test("memory is used again, and nothing of what it held comes out", () => {
  const waiting = createWaitingBlocks();
  waiting.add("a secret", null, ids("1"));
  const first = waiting.take() as WaitingBlock;
  waiting.useAgain(first.bytes);
  waiting.add("b", null, ids("2"));
  const second = waiting.take() as WaitingBlock;
  expect(second.bytes).toBe(first.bytes);
  expect(linesOf(second)).toEqual(["b"]);
  waiting.add("c", null, ids("3"));
  expect(waiting.take()?.bytes).not.toBe(first.bytes);
});

test("a block has each header behind its line, and gives it in it, whatever bytes it has", async () => {
  const entry = fc.record({
    more: fc.string({ unit: "binary" }).map((text) => `,"kind":${JSON.stringify(text)}}`),
    header: fc.option(
      fc.uint8Array({ max: 255 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
      { nil: null },
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 1 }), async (entries) => {
      const waiting = createWaitingBlocks();
      for (const { more, header } of entries)
        waiting.add(`{"header":${header === null ? '"12,"' : header.length}${more}`, header, ids("1"));
      const { bytes, length } = waiting.take() as WaitingBlock;
      expect((await unpackBlock(await packBlock(bytes.subarray(0, length)))).split("\n")).toEqual(
        entries.map(({ more, header }) => `{"header":${JSON.stringify(header ?? "12,")}${more}`),
      );
    }),
    { numRuns: 25 },
  );
});
