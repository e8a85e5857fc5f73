import { expect, test } from "vitest";
import { createWaitingBlocks, type WaitingBlock } from "../../src/trace/waiting.ts";

const ids = (messageId: string) => ({ eventId: null, messageId, transactionId: null, numbers: ["1"] });
const linesOf = ({ bytes, length }: WaitingBlock) => bytes.toString("utf8", 0, length).split("\n");

test("what waits comes out in blocks, the oldest first, as it was, with its names once each", () => {
  const waiting = createWaitingBlocks();
  const lines = Array.from({ length: 450 }, (_, index) => `{"line":"${index} ü€😀"}`);
  for (const line of lines) waiting.add(line, ids(line));
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
  for (const line of lines) waiting.add(line, ids(line));
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
  waiting.add("a secret", ids("1"));
  const first = waiting.take() as WaitingBlock;
  waiting.useAgain(first.bytes);
  waiting.add("b", ids("2"));
  const second = waiting.take() as WaitingBlock;
  expect(second.bytes).toBe(first.bytes);
  expect(linesOf(second)).toEqual(["b"]);
  waiting.add("c", ids("3"));
  expect(waiting.take()?.bytes).not.toBe(first.bytes);
});
