import fc from "fast-check";
import { expect, test } from "vitest";
import { createDataReader, type Data, type DataRules } from "../../src/smtp/data-reader.ts";

const STRICT: DataRules = { limitBytes: 10_000, bareNewlines: false };
const LENIENT: DataRules = { ...STRICT, bareNewlines: true };

/** What comes of some bytes, in pieces that are cut at these places. */
function read(text: string, rules = STRICT, cuts: readonly number[] = []): Data {
  const bytes = Buffer.from(text, "latin1");
  const reader = createDataReader(rules);
  const places = [...cuts.map((cut) => cut % (bytes.byteLength + 1)).sort((a, b) => a - b), bytes.byteLength];
  let from = 0;
  for (const to of places) {
    const data = reader(bytes.subarray(from, to));
    if (data.kind === "complete") return { ...data, rest: Buffer.concat([data.rest, bytes.subarray(to)]) };
    if (data.kind !== "incomplete") return data;
    from = to;
  }
  return { kind: "incomplete" };
}

function shown(data: Data): string {
  return data.kind === "complete" ? `${data.message.toString("latin1")}|${data.rest.toString("latin1")}` : data.kind;
}

test.each([
  [".\r\n", "|"],
  ["a\r\n.\r\n", "a\r\n|"],
  ["a\r\n.\r\nQUIT\r\n", "a\r\n|QUIT\r\n"],
  ["..\r\n.\r\n", ".\r\n|"],
  ["...\r\n.\r\n", "..\r\n|"],
  [".a\r\n.\r\n", "a\r\n|"],
  ["a.\r\n.\r\n", "a.\r\n|"],
  ["a\r\n.", "incomplete"],
  ["a\r\n.\r", "incomplete"],
  ["a", "incomplete"],
  ["", "incomplete"],
  ["\n", "bare-newline"],
  ["\r\r\n", "bare-newline"],
  ["a\rb", "bare-newline"],
  ["a\r\n.\n", "bare-newline"],
  ["a\n.\r\n", "bare-newline"],
  ["a\r\n.\ra", "bare-newline"],
  ["a\r\n.\r\r\n", "bare-newline"],
  ["x".repeat(10_000), "incomplete"],
  ["x".repeat(10_001), "too-large"],
])("createDataReader() reads %j strictly", (text, expected) => {
  expect(shown(read(text))).toBe(expected);
});

test.each([
  ["a\n.\n.\r\n\r\n.\r\n", "a\n.\n.\r\n\r\n|"],
  ["a\r\n.\n\r\n.\r\n", "a\r\n\n\r\n|"],
  ["a\n.\r\n.\r\n", "a\n.\r\n|"],
  ["a\r.\r\n.\r\n", "a\r.\r\n|"],
  ["a\r\n.\ra\r\n.\r\n", "a\r\n\ra\r\n|"],
  ["a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n|"],
  ["a\r\r\n.\r\n", "a\r\r\n|"],
])("createDataReader() reads %j leniently, and ends at CRLF.CRLF only", (text, expected) => {
  expect(shown(read(text, LENIENT))).toBe(expected);
});

/** RFC 5321 in one line each: what a strict reader must come to, written another way. */
function expectedOf(text: string, { bareNewlines, limitBytes }: DataRules): string {
  const whole = `\r\n${text}`;
  const end = whole.indexOf("\r\n.\r\n");
  const lone = bareNewlines ? -1 : whole.search(/\r(?!\n|$)|(?<!\r)\n/);
  if (lone !== -1 && (end === -1 || lone < end)) return "bare-newline";
  if (end === -1) return "incomplete";
  const message = whole
    .slice(0, end + 2)
    .replaceAll("\r\n.", "\r\n")
    .slice(2);
  if (message.length > limitBytes) return "too-large";
  return `${message}|${whole.slice(end + 5)}`;
}

const piece = fc.constantFrom("\r\n", "\r\n.", "\r\n.\r\n", ".", "\r", "\n", "a", "..", ".\r", "\n.\n");
const texts = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
const cuts = fc.array(fc.nat(), { maxLength: 6 });

test("createDataReader() comes to what the RFC says, whatever pieces the bytes come in", () => {
  fc.assert(
    fc.property(texts, cuts, fc.boolean(), (text, places, bareNewlines) => {
      const rules = { ...STRICT, bareNewlines };
      expect(shown(read(text, rules, places))).toBe(expectedOf(text, rules));
    }),
    { numRuns: 5_000 },
  );
});

test("createDataReader() gives back what a client wrote, dots and all", () => {
  const lines = fc.array(fc.string({ unit: fc.constantFrom(".", "a", "\0", "\xff"), maxLength: 5 }), { maxLength: 20 });
  fc.assert(
    fc.property(lines, cuts, (written, places) => {
      const message = written.map((line) => `${line}\r\n`).join("");
      const sent = `${message.replace(/^\./gm, "..")}.\r\n`;
      expect(shown(read(sent, STRICT, places))).toBe(`${message}|`);
    }),
  );
});
