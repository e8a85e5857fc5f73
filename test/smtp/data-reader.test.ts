import fc from "fast-check";
import { expect, test } from "vitest";
import { createDataReader, type Data, type DataRules } from "../../src/smtp/data-reader.ts";

const STRICT: DataRules = { limitBytes: 10_000, bareNewlines: false, mayHold: () => true };
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

test.each([
  [0, "x\r\n.\r\nQUIT\r\n", "no-room|QUIT\r\n", []],
  [4_096, "x\r\n.\r\nQUIT\r\n", "x\r\n|QUIT\r\n", [4_096]],
  [4_096, `${"x".repeat(5_000)}\r\n.\r\nQUIT\r\n`, "no-room|QUIT\r\n", [4_096, 8_192, 0]],
  [4_096, `${"x".repeat(10_001)}\r\n.\r\n`, "too-large", [4_096, 8_192, 0]],
  [4_096, "x\n", "bare-newline", [4_096]],
  [20_000, `${"x".repeat(9_998)}\r\n.\r\n`, `${"x".repeat(9_998)}\r\n|`, [4_096, 8_192, 10_002]],
])(
  "createDataReader() asks for what it takes, never more than the limit, and reads on to the end without it (room for %i)",
  (room, text, expected, asked) => {
    const bytes: number[] = [];
    const mayHold = (wanted: number): boolean => {
      bytes.push(wanted);
      return wanted <= room;
    };
    const reader = createDataReader({ ...STRICT, mayHold });
    let data: Data = { kind: "incomplete" };
    const all = Buffer.from(text, "latin1");
    for (let at = 0; at < all.byteLength && data.kind === "incomplete"; at += 1_000) {
      data = reader(all.subarray(at, at + 1_000));
    }
    expect(data.kind === "no-room" ? `no-room|${data.rest.toString("latin1")}` : shown(data)).toBe(expected);
    expect(bytes.filter((wanted, index) => index === 0 || wanted !== 0 || room > 0)).toEqual(
      asked.length === 0 ? [4_096] : asked,
    );
  },
);

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

const piece = fc.constantFrom("x".repeat(40), "\r\n", "\r\n.", "\r\n.\r\n", ".", "\r", "\n", "a", "..", ".\r", "\n.\n");
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
