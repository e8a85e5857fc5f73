import fc from "fast-check";
import { expect, test } from "vitest";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { decodeAtMost, decodeValue, readHeader, readUtf8 } from "../../src/mm4/header.ts";
import { openMessage, readReport } from "../../src/mm4/read-message.ts";
import { decodeWords } from "../support/decode-words.ts";
import { deliveryReport, eventOf, HEADER_LIMITS } from "../support/report.ts";

const fieldsOf = (text: string | Buffer) => {
  const header = readHeader(Buffer.from(text as string, "latin1"), HEADER_LIMITS);
  if (!header.ok) throw new Error(header.error.kind);
  return { fields: header.value.fields.map(({ name, bytes }) => [name, bytes]), warnings: header.value.warnings };
};

test.each([
  [
    "CRLF",
    "A: 1\r\nB: 2\r\n\r\nbody: 3\r\n",
    [
      ["A", "1"],
      ["B", "2"],
    ],
    [],
  ],
  [
    "LF",
    "A: 1\nB: 2\n\nbody: 3\n",
    [
      ["A", "1"],
      ["B", "2"],
    ],
    [],
  ],
  [
    "CR CR LF",
    "A: 1\r\r\nB: 2\r\r\n\r\r\nbody: 3\n",
    [
      ["A", "1"],
      ["B", "2"],
    ],
    [],
  ],
  ["no blank after the colon", "A:1\r\n\r\n", [["A", "1"]], []],
  ["blanks around", "A  :\t 1 \t\r\n\r\n", [["A", "1"]], []],
  ["folding", "A: 1\r\n 2\r\n\t3\r\n\r\n", [["A", "1 2 3"]], []],
  ["a fold directly behind the colon", "A:\r\n 1\r\n\r\n", [["A", "1"]], []],
  [
    "a folded value that ends in a line of blanks",
    "A: 1\r\n \t \r\nB: 2\r\n\r\n",
    [
      ["A", "1"],
      ["B", "2"],
    ],
    [],
  ],
  [
    "an empty value",
    "A:\r\nB: 2\r\n\r\n",
    [
      ["A", ""],
      ["B", "2"],
    ],
    [],
  ],
  [
    "no end",
    "A: 1\r\nB: 2",
    [
      ["A", "1"],
      ["B", "2"],
    ],
    ["no-end-of-header"],
  ],
  ["a byte-order mark", "\u00ef\u00bb\u00bfA: 1\r\n\r\n", [["A", "1"]], ["byte-order-mark"]],
  [
    "a line that is no field",
    "From me Mon Jan 1 10:00\r\nA: 1\r\nnonsense\r\nB: 2\r\n\r\n",
    [
      ["A", "1"],
      ["B", "2"],
    ],
    ["malformed-header-line"],
  ],
  ["a fold with nothing before it", " x\r\nA: 1\r\n\r\n", [["A", "1"]], ["malformed-header-line"]],
  ["nothing", "", [], ["no-end-of-header"]],
])("readHeader() reads %s", (_, text, fields, warnings) => {
  expect(fieldsOf(text)).toEqual({ fields, warnings });
});

test("readHeader() takes a header of exactly the limits, and none beyond", () => {
  const lines = `${"A: 1\r\n".repeat(HEADER_LIMITS.fields - 1)}`;
  const filled = `${lines}B: ${"x".repeat(HEADER_LIMITS.bytes - lines.length - 5)}\r\n`;
  expect(filled.length).toBe(HEADER_LIMITS.bytes);
  expect(fieldsOf(`${filled}\r\nbody`).fields.length).toBe(HEADER_LIMITS.fields);
  expect(fieldsOf(filled).fields.length).toBe(HEADER_LIMITS.fields);
  expect(readHeader(Buffer.from(`B${filled}\r\n`), HEADER_LIMITS)).toMatchObject({
    ok: false,
    error: { kind: "header-too-large" },
  });
  expect(readHeader(Buffer.from("A: 1\n".repeat(HEADER_LIMITS.fields + 1)), HEADER_LIMITS)).toMatchObject({
    ok: false,
    error: { kind: "too-many-fields" },
  });
  expect(readHeader(Buffer.from("no field\n".repeat(HEADER_LIMITS.fields + 1)), HEADER_LIMITS)).toMatchObject({
    ok: false,
  });
});

test("reading has about the same work for hostile values, in every field, as for plain ones of their size", () => {
  const fields = [
    "From",
    "To",
    "Date",
    "X-Mms-Message-ID",
    "X-Mms-MM-Status-Code",
    "X-Mms-MM-Status-Extension",
    "X-Internal-Status-Code",
    "X-Mms-Request-Recipients",
    "X-Mms-Status-Text",
    "X-Mms-3GPP-MMS-Version",
  ];
  const units = [
    "x",
    "A: 1\r\n",
    " \r\n",
    "\t",
    " ",
    "\r",
    "\n ",
    ":",
    "=?",
    "=?a?b?",
    "=?utf-8?q?=",
    "=?utf-8?b?QQ==?= ",
    "<",
    ">",
    '"',
    ",",
    ";",
    "@",
    "(",
    ")",
    "/TYPE=",
    "1",
    "0",
    "-",
    "\u00c3",
  ];
  const types = ["MM4_delivery_report.REQ", "MM4_forward.RES"];
  const hostile = (type: string, field: string, unit: string) => {
    const value = `a${unit.repeat(Math.ceil(60_000 / unit.length)).slice(0, 60_000)}x`;
    const text = `X-Mms-Message-Type: ${type}\r\nX-Mms-Request-Status-Code: Ok\r\nX-Mms-Status: Retrieved\r\n${field}: ${value}\r\n\r\n`;
    return Buffer.from(text, "latin1");
  };
  const work = (bytes: Uint8Array) => () => {
    const opened = openMessage(bytes, { decodeWords, headerLimits: HEADER_LIMITS });
    if (opened.ok) readReport(opened.value, ORDINARY_PEER, { decodeWords });
  };
  const floor = fastest(work(hostile("MM4_delivery_report.REQ", "Subject", "x")));
  for (const type of types) {
    for (const field of fields) {
      for (const unit of units) {
        // Quadratic work would be tens of thousands of times the floor; decoding and splitting cost hundreds.
        const ratio = fastest(work(hostile(type, field, unit))) / floor;
        expect(ratio, `${type} ${field} ${JSON.stringify(unit)}`).toBeLessThan(5_000);
      }
    }
  }
});

test.each([
  ["plain", "abc", "abc", []],
  ["UTF-8", "\u00c3\u00a9", "é", []],
  ["UTF-8 that ends in 0xA0", "caf\u00c3\u00a0", "cafà", []],
  ["Latin-1", "\u00e9t\u00e9", "été", ["not-utf-8"]],
  ["a base64 word", "=?utf-8?B?w6k=?=", "é", []],
  ["quoted-printable words", "=?iso-8859-1?Q?=E9t=E9?= =?iso-8859-1?Q?_x?=", "été x", []],
  ["a word in no known form", "=?utf-8?X?abc?=", "=?utf-8?X?abc?=", []],
  ["control characters", "a\u0000b\u001bc\td", "abc d", ["control-characters-removed"]],
  ["control characters inside a word", "=?utf-8?Q?a=0D=0AX-Evil:_1?=", "aX-Evil: 1", ["control-characters-removed"]],
])("decodeValue() decodes %s", (_, bytes, value, warnings) => {
  expect(decodeValue(bytes, decodeWords)).toEqual({ value, warnings });
});

function fastest(work: () => void): number {
  return Math.min(
    ...Array.from({ length: 3 }, () => {
      const start = performance.now();
      work();
      return performance.now() - start;
    }),
  );
}

test("of one message so many encoded words are decoded; a text with more than are left stays as written, and is not looked at", () => {
  const given: string[] = [];
  const words = decodeAtMost(3, (text) => {
    given.push(text);
    return decodeWords(text);
  });
  const value = (text: string) => decodeValue(text, words);
  expect(value("=?utf-8?q?a?= =?utf-8?q?b?=")).toEqual({ value: "ab", warnings: [] });
  const two = "=?utf-8?q?c?= =?utf-8?q?d?=";
  expect(value(two)).toEqual({ value: two, warnings: ["undecodable-word"] });
  expect(value("=?utf-8?q?e?=")).toEqual({ value: "e", warnings: [] });
  expect(value("=?utf-8?q?f?=")).toEqual({ value: "=?utf-8?q?f?=", warnings: ["undecodable-word"] });
  expect(given).toEqual(["=?utf-8?q?a?= =?utf-8?q?b?=", "=?utf-8?q?e?="]);
});

test("the bound on encoded words goes over all fields of a message, and over its addresses", () => {
  const word = "=?utf-8?q?a?= ";
  const { raw, recipient, warnings } = eventOf(
    deliveryReport({
      From: `${word.repeat(150)}<+12025550100>`,
      "X-Mms-Status-Text": word.repeat(51),
      "X-Mms-Note": word.repeat(50),
    }),
  ).data;
  expect(warnings).toContain("undecodable-word");
  expect(raw.from).toMatch(/^a{150}/);
  expect(raw.statusText).toBe(word.repeat(51).trim());
  expect(raw["X-Mms-Note"]).toBe("a".repeat(50));
  expect(recipient).toMatchObject({ raw: raw.from, number: "+12025550100" });
});

test("a value that is not UTF-8 costs about as much as one that is, because a header may hold a thousand", () => {
  const fastestMs = (bytes: string): number => {
    const runs = Array.from({ length: 20 }, () => {
      const beganMs = performance.now();
      for (let field = 0; field < 1_000; field += 1) decodeValue(bytes, () => null);
      return performance.now() - beganMs;
    });
    return Math.min(...runs);
  };
  const [utf8, latin1] = ["\u00c3\u00a9t\u00c3\u00a9", "\u00e9t\u00e9 et"];
  fastestMs(latin1);
  expect(fastestMs(latin1)).toBeLessThan(4 * fastestMs(utf8));
});

test("bytes are UTF-8 for the same texts as in the standard's decoder", () => {
  const standard = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const byDecoder = (bytes: Uint8Array): string | undefined => {
    try {
      return standard.decode(bytes);
    } catch {
      return undefined;
    }
  };
  // What begins, goes on with and ends characters, the mark for what is none among them.
  const awkward = fc.constantFrom(
    0x41,
    0x80,
    0x98,
    0x9f,
    0xa9,
    0xbb,
    0xbd,
    0xbf,
    0xc0,
    0xc3,
    0xe2,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xff,
  );
  fc.assert(
    fc.property(fc.array(awkward, { maxLength: 8 }), (bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      expect(readUtf8(text)).toBe(byDecoder(Uint8Array.from(bytes)));
    }),
    { numRuns: 3_000 },
  );
});
