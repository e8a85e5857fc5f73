/** Lines behind one another in one buffer, held against what one would write. */
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLines } from "../../src/journal/lines.ts";

/** A line, put together the slow way. */
function lineOf(json: string): Buffer {
  return Buffer.from(`${crc32(json).toString(16).padStart(8, "0")} ${Buffer.byteLength(json)} ${json}\n`);
}

const jsonText = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 120 }),
    // About where the length takes one more digit, with characters of one to three bytes.
    fc
      .tuple(fc.constantFrom(1, 10, 100, 1_000, 10_000, 140_000), fc.nat(12), fc.constantFrom("x", "\u00e9", "\u20ac"))
      .map(([length, less, character]) => character.repeat(Math.max(0, length - less))),
  )
  .map((text) => JSON.stringify(text));

test("whatever is added stands there, byte for byte, and what was only written does not", () => {
  const lines = createLines(64);
  fc.assert(
    fc.property(fc.array(fc.record({ text: jsonText, isAdded: fc.boolean() }), { maxLength: 8 }), (some) => {
      lines.clear();
      for (const { text, isAdded } of some) {
        const bytes = lines.write(text);
        expect(bytes).toBe(lineOf(text).byteLength);
        if (isAdded) lines.add(bytes);
      }
      const added = Buffer.concat(some.filter(({ isAdded }) => isAdded).map(({ text }) => lineOf(text)));
      expect(lines.byteLength()).toBe(added.byteLength);
      expect(lines.bytes().equals(added)).toBe(true);
    }),
  );
});

test("the last property may come apart from the rest", () => {
  fc.assert(
    fc.property(jsonText, jsonText, (first, last) => {
      const lines = createLines(0);
      lines.add(lines.write(`{"first":${first},"last":`, last));
      expect(lines.bytes().equals(lineOf(`{"first":${first},"last":${last}}`))).toBe(true);
    }),
  );
});

test("what a burst needed is given back", () => {
  const lines = createLines();
  const ordinary = lines.bytes().buffer.byteLength;
  for (let line = 0; line < 20; line += 1) lines.add(lines.write("x".repeat(100_000)));
  expect(lines.bytes().buffer.byteLength).toBeGreaterThan(20 * 100_000);
  lines.clear();
  expect(lines.bytes().buffer.byteLength).toBe(ordinary);
});
