/**
 * What is recognised before the 250 is what reading the whole finds behind it, for any
 * bytes; and the header that is kept reads as the whole message did.
 */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import type { Problem } from "../../src/delivery/problem.ts";
import type { Report } from "../../src/delivery/report.ts";
import { readAckRequest } from "../../src/mm4/ack-request.ts";
import { FIELDS } from "../../src/mm4/fields.ts";
import type { HeaderLimits } from "../../src/mm4/header.ts";
import { openMessage, readReport } from "../../src/mm4/read-message.ts";
import { recognise } from "../../src/mm4/recognise.ts";
import type { Result } from "../../src/result.ts";
import { decodeWords } from "../support/decode-words.ts";
import { deliveryReport, HEADER_LIMITS } from "../support/report.ts";

const TYPE = "X-Mms-Message-Type: MM4_delivery_report.REQ\r\n";
const STATUS = "X-Mms-MM-Status-Code: Retrieved\r\n";
const DSN = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n";
const WORDS = "=?utf-8?q?a?= ".repeat(BOUNDS.encodedWords.value);
const EMPTY_WORD = "=?utf-8?q??=";

const ROWS: readonly (readonly [oddity: string, text: string, problem: Problem | null, limits?: HeaderLimits])[] = [
  ["nothing out of the ordinary", `${TYPE}${STATUS}\r\n`, null],
  ["no bytes", "", { kind: "not-mm4" }],
  ["a byte-order mark", `\u00ef\u00bb\u00bf${TYPE}${STATUS}\r\n`, null],
  ["a byte-order mark and nothing else", "\u00ef\u00bb\u00bf", { kind: "not-mm4" }],
  ["a byte-order mark before the second field", `${STATUS}\u00ef\u00bb\u00bf${TYPE}\r\n`, { kind: "unknown-type" }],
  ["LF alone", `${TYPE}${STATUS}\r\n`.replaceAll("\r", ""), null],
  ["several CRs", `${TYPE}${STATUS}\r\n`.replaceAll("\r", "\r\r\r"), null],
  ["CR alone, which ends no line", `${TYPE}${STATUS}`.replaceAll("\r\n", "\r"), { kind: "unknown-type" }],
  ["an empty line of several CRs", `${TYPE}\r\r\r\n${STATUS}\r\n`, { kind: "no-status" }],
  ["a line of blanks, which ends no header", `${TYPE} \t\r\n${STATUS}\r\n`, null],
  ["no end of the header", `${TYPE}${STATUS}`, null],
  ["no end of the last line", `${TYPE}${STATUS}`.trimEnd(), null],
  ["blanks before the colon", `${TYPE}${STATUS}\r\n`.replaceAll(":", " \t:"), null],
  ["no blank behind the colon", `${TYPE}${STATUS}\r\n`.replaceAll(": ", ":"), null],
  ["a name with a blank in it", `X-Mms -Message-Type: MM4_forward.REQ\r\n${STATUS}\r\n`, { kind: "unknown-type" }],
  ["a name of no characters", `:${TYPE}${STATUS}\r\n`, { kind: "unknown-type" }],
  ["a name of a character that is no ASCII", `X-Mms-Message-Type\u00a0${TYPE.slice(18)}\r\n`, { kind: "not-mm4" }],
  ["names in capitals", `${TYPE}${STATUS}\r\n`.toUpperCase(), null],
  ["a folded type", `${TYPE.replace(": ", ":\r\n\t")}${STATUS}\r\n`, null],
  ["a type folded in its middle", `${TYPE.replace("_report", "_\r\n report")}${STATUS}\r\n`, null],
  ["a type that a fold makes another one", `${TYPE}\tx\r\n${STATUS}\r\n`, { kind: "unknown-type" }],
  ["a fold behind a line that is no field", `${TYPE}no field\r\n x\r\n${STATUS}\r\n`, null],
  ["a fold behind a field of another name", `${TYPE}Subject: a\r\n x\r\n${STATUS}\r\n`, null],
  ["a fold before the first field", ` x\r\n${TYPE}${STATUS}\r\n`, null],
  ["a type that is indented", ` ${TYPE}\r\n`, { kind: "type-outside-header" }],
  ["a type in quotes", `X-Mms-Message-Type: "MM4_delivery_report.REQ"\r\n${STATUS}\r\n`, null],
  ["an unknown type", `X-Mms-Message-Type: MM4_other.REQ\r\n${STATUS}\r\n`, { kind: "unknown-type" }],
  ["an empty type", "X-Mms-Message-Type:\r\n\r\n", { kind: "unknown-type" }],
  ["an empty type, and one that is not", `X-Mms-Message-Type:\r\n${TYPE}${STATUS}\r\n`, null],
  ["a type that decodes to nothing", `X-Mms-Message-Type: ${EMPTY_WORD}\r\n\r\n`, { kind: "unknown-type" }],
  [
    "a type that decodes to nothing, and one that does not",
    `X-Mms-Message-Type: ${EMPTY_WORD}\r\n${TYPE}${STATUS}\r\n`,
    null,
  ],
  ["a type of control characters", `X-Mms-Message-Type: \u0000\u0007\r\n${TYPE}${STATUS}\r\n`, null],
  ["a type with a control character", `${TYPE.replace("_", "_\u0000")}${STATUS}\r\n`, null],
  ["a type with a character that is no ASCII", `${TYPE.replace("_", "\u00e9")}${STATUS}\r\n`, { kind: "unknown-type" }],
  ["an encoded type", `X-Mms-Message-Type: =?utf-8?q?MM4=5fdelivery=5freport.REQ?=\r\n${STATUS}\r\n`, null],
  [
    "an encoded type behind as many encoded words as are decoded",
    `X-Mms-Other: ${WORDS}\r\nX-Mms-Message-Type: =?utf-8?q?MM4=5fdelivery=5freport.REQ?=\r\n${STATUS}\r\n`,
    { kind: "unknown-type" },
  ],
  [
    "an encoded type behind as many encoded words in a field that is not decoded",
    `Subject: ${WORDS}\r\nX-Mms-Message-Type: =?utf-8?q?MM4=5fdelivery=5freport.REQ?=\r\n${STATUS}\r\n`,
    null,
  ],
  ["two types", `${TYPE}X-Mms-Message-Type: MM4_forward.REQ\r\n${STATUS}\r\n`, null],
  [
    "two types, the other one first",
    `X-Mms-Message-Type: MM4_forward.REQ\r\n${TYPE}${STATUS}\r\n`,
    { kind: "other-pdu", messageType: "MM4_forward.REQ" },
  ],
  [
    "another PDU in another spelling",
    'X-Mms-Message-Type: "mm4_FORWARD. req"\r\n\r\n',
    { kind: "other-pdu", messageType: "MM4_forward.REQ" },
  ],
  ["no status", `${TYPE}\r\n`, { kind: "no-status" }],
  ["an empty status", `${TYPE}X-Mms-MM-Status-Code: \t\r\n\r\n`, { kind: "no-status" }],
  ["an empty status that goes on", `${TYPE}X-Mms-MM-Status-Code:\r\n Retrieved\r\n\r\n`, null],
  ["an empty status, and one of another name", `${TYPE}X-Mms-MM-Status-Code:\r\nX-Mms-Status: a\r\n\r\n`, null],
  ["a status that decodes to nothing", `${TYPE}X-Mms-Status: ${EMPTY_WORD}\r\n\r\n`, { kind: "no-status" }],
  [
    "a status that decodes to nothing, behind as many encoded words as are decoded",
    `${TYPE}X-Mms-Other: ${WORDS}\r\nX-Mms-Status: ${EMPTY_WORD}\r\n\r\n`,
    null,
  ],
  ["a status of control characters", `${TYPE}X-Mms-Status: \u0000\t\u0007\r\n\r\n`, { kind: "no-status" }],
  ["a status of a blank that is no ASCII", `${TYPE}X-Mms-Status: \u00c2\u00a0\r\n\r\n`, { kind: "no-status" }],
  ["a status of one character that is no ASCII", `${TYPE}X-Mms-Status: \u00e9\r\n\r\n`, null],
  ["a status in the body", `${TYPE}\r\n${STATUS}`, { kind: "no-status" }],
  ["a status without a type", `${STATUS}\r\n`, { kind: "unknown-type" }],
  ["an empty status without a type", "X-Mms-Status:\r\n\r\n", { kind: "not-mm4" }],
  ["the status of a response without a type", "X-Mms-Request-Status-Code: Ok\r\n\r\n", { kind: "not-mm4" }],
  [
    "a status without a type that decodes to nothing",
    `X-Mms-Status: ${EMPTY_WORD}\r\n\r\n`,
    // Bytes of a status are a status, as long as there is no report to put it into.
    { kind: "unknown-type" },
  ],
  ["a type in the body", `Subject: fwd\r\n\r\n${TYPE}`, { kind: "type-outside-header" }],
  ["a type beyond what is searched", `\r\n${"x".repeat(BOUNDS.typeLookedFor.value)}\r\n${TYPE}`, { kind: "not-mm4" }],
  ["a bounce", `${DSN}\r\n`, { kind: "bounce", typeOutsideHeader: false }],
  ["a bounce with a type in it", `${DSN}\r\n${TYPE}`, { kind: "bounce", typeOutsideHeader: true }],
  ["a folded bounce", `${DSN.replaceAll("; ", ";\r\n\t")}\r\n`, { kind: "bounce", typeOutsideHeader: false }],
  ["a bounce with a type in its header", `${DSN}${TYPE}${STATUS}\r\n`, null],
  ["a bounce with an empty type", `${DSN}X-Mms-Message-Type:\r\n\r\n`, { kind: "unknown-type" }],
  ["a second content type that is a bounce's", `Content-Type: text/plain\r\n${DSN}\r\n`, { kind: "not-mm4" }],
  ["as many bytes as are read", `${TYPE}${STATUS}\r\n`, null, { bytes: `${TYPE}${STATUS}`.length, fields: 2 }],
  [
    "a byte more than is read",
    `${TYPE}${STATUS}\r\n`,
    { kind: "header-too-large", limitBytes: `${TYPE}${STATUS}`.length - 1 },
    { bytes: `${TYPE}${STATUS}`.length - 1, fields: 2 },
  ],
  [
    "a field more than is read, although it is none",
    `${TYPE}no field\r\n${STATUS}\r\n`,
    { kind: "too-many-fields", limit: 2 },
    { bytes: 1_000, fields: 2 },
  ],
  ["both more than is read", `${TYPE}${STATUS}`, { kind: "header-too-large", limitBytes: 9 }, { bytes: 9, fields: 1 }],
];

test.each(ROWS.map(([oddity, text, problem, limits = HEADER_LIMITS]) => ({ oddity, text, problem, limits })))(
  "recognise() and the full reading agree on $oddity",
  ({ text, problem, limits }) => {
    const bytes = Buffer.from(text, "latin1");
    expect(recognise(bytes, { decodeWords, headerLimits: limits }).problem).toEqual(problem);
    agree(bytes, limits);
  },
);

test.each(
  (["mmStatusCode", "requestStatusCode", "readStatus", "internalStatusCode"] as const).flatMap((property) =>
    FIELDS[property].names.map(({ key }) => [property, key] as const),
  ),
)("recognise() knows %s by its name %s, in the reports that have it", (property, name) => {
  const has = (type: string): boolean => {
    const bytes = Buffer.from(`X-Mms-Message-Type: ${type}\r\n${name}: a\r\n\r\n`);
    agree(bytes, HEADER_LIMITS);
    return recognise(bytes, { decodeWords, headerLimits: HEADER_LIMITS }).problem === null;
  };
  expect([has("MM4_delivery_report.REQ"), has("MM4_forward.RES"), has("MM4_read_reply_report.REQ")]).toEqual(
    ["mmStatusCode", "requestStatusCode", "readStatus"].map((own) => [own, "internalStatusCode"].includes(property)),
  );
});

test.each([
  ["X-Mms-Ack-Request: Yes\r\n", true],
  ["x-mms-ack-request :no\r\n", true],
  ["X-Mms-Ack-Requested: Yes\r\n", false],
  ["\r\nX-Mms-Ack-Request: Yes\r\n", false],
])("recognise() sees whether %j may ask for an acknowledgement: %s", (line, may) => {
  const bytes = Buffer.from(`X-Mms-Message-Type: MM4_forward.REQ\r\n${line}\r\n`);
  expect(recognise(bytes, { decodeWords, headerLimits: HEADER_LIMITS }).mayAskForAck).toBe(may);
});

const DIRECTORY = new URL("../messages/", import.meta.url);
const MESSAGES = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".eml"))
  .map((name) => ({ name, bytes: readFileSync(new URL(name, DIRECTORY)) }));

test.each(MESSAGES)("recognise() and the full reading agree on test/messages/$name", ({ bytes }) => {
  agree(bytes, HEADER_LIMITS);
});

test("recognise() never looks at the body of a message with a type", () => {
  const header = Buffer.from(deliveryReport());
  const { headerBytes } = recognise(Buffer.concat([header, Buffer.from(`${DSN}${TYPE}`)]), {
    decodeWords,
    headerLimits: HEADER_LIMITS,
  });
  expect(headerBytes).toBe(header.length);
});

/** How often each answer came. */
const seen = new Map<string, number>();

const oneOf = (...texts: readonly string[]) => fc.constantFrom(...texts);
const name = fc.oneof(
  { weight: 3, arbitrary: oneOf("X-Mms-Message-Type", "X-MMS-MESSAGE-TYPE", "x-mms-message-type") },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...(["mmStatusCode", "requestStatusCode", "readStatus", "internalStatusCode"] as const).flatMap((property) =>
        FIELDS[property].names.map(({ key }) => key),
      ),
    ),
  },
  { weight: 2, arbitrary: oneOf("Content-Type", "X-Mms-Ack-Request", "X-Mms-Ack-Requests") },
  {
    weight: 2,
    arbitrary: oneOf("X-Mms-Other", "X-Internal-Other", "Subject", "From", "To", "Date", "X-Mms-Message-ID"),
  },
  oneOf("", "X Y", "X\u0000", "X-Mms-Message-Typ\u00e9", "\u00ef\u00bb\u00bfX-Mms-Message-Type", "X-Mms-Status\u00a0"),
);
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: oneOf(
      "MM4_delivery_report.REQ",
      "MM4_Delivery_report.req",
      "MM4_forward.RES",
      "MM4_read_reply_report.REQ",
      '"MM4_read_reply_report.REQ"',
      "MM4_forward.REQ",
      "MM4_delivery_report.RES",
      "MM4_capability_negotiation.REQ",
      "MM4_delivery_",
      "report.REQ",
    ),
  },
  { weight: 2, arbitrary: oneOf("Retrieved", "Ok", "470", "Read", "multipart/report; report-type=delivery-status") },
  { weight: 2, arbitrary: oneOf("", " ", "\t", '"', '""') },
  {
    weight: 2,
    arbitrary: oneOf(
      EMPTY_WORD,
      "=?utf-8?b??=",
      "=?utf-8?q?=00?=",
      "=?utf-8?q?=20?=",
      "=?utf-8?q?=0d=0a?=",
      "=?utf-8?q?MM4=5fforward.RES?=",
      "=?utf-8?b?TU00X2ZvcndhcmQuUkVT?=",
      "=?x-none?q??=",
      "=?utf-8?q?",
      "=?",
      "?=",
      "=?utf-8?q?a?= ".repeat(BOUNDS.encodedWords.value - 1),
      WORDS,
    ),
  },
  // What is trimmed or removed only once it is decoded: control characters, blanks of UTF-8 and of Latin-1, half a character.
  {
    weight: 2,
    arbitrary: oneOf("\u0000", "\u0007", "\u0085", "\u00a0", "\u00c2\u00a0", "\u00e2\u0080\u00a8", "\u00c2\u0085"),
  },
  oneOf("\u00ef\u00bb\u00bf", "\u00e9", "\u00c3\u00a9", "\u00c3", "\r", "\u000b", "\u007f", ":", "\n"),
);
const end = fc.oneof(
  { weight: 8, arbitrary: oneOf("\r\n") },
  oneOf("\n", "\r\r\n", "\n\r\n", "\r", "\r\n \r\n", "\r\n\t\r\r\n"),
);
const fold = fc.tuple(end, oneOf(" ", "\t", " \t ")).map((parts) => parts.join(""));
const value = fc
  .array(fc.tuple(fc.oneof({ weight: 4, arbitrary: fc.constant("") }, fold), piece), { minLength: 0, maxLength: 3 })
  .map((pieces) => pieces.flat().join(""));
const field = fc
  .tuple(name, oneOf("", "", "", " ", "\t", " \t"), oneOf(":", ":", ":", ""), oneOf(" ", "", "\t"), value, end)
  .map((parts) => parts.join(""));
const ordinary = oneOf(
  TYPE,
  STATUS,
  TYPE.replace("delivery_report.REQ", "forward.RES"),
  DSN,
  "X-Internal-Status-Code: 470\r\n",
);
const composed = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: fc.constant("") }, oneOf("\u00ef\u00bb\u00bf", "\r\n", " ", "\u00ef\u00bb")),
    fc.array(fc.oneof({ weight: 3, arbitrary: field }, ordinary), { maxLength: 7 }),
    oneOf("\r\n", "\n", "\r\r\n", "\r", ""),
    oneOf("", "body", TYPE, `> ${TYPE}`, STATUS, "\r\n"),
  )
  .map(([first, fields, last, body]) => Buffer.from([first, ...fields, last, body].join(""), "latin1"));

/** A real message in which something is cut out, put in, or said again elsewhere. */
const mutated = fc
  .tuple(
    fc.constantFrom(...MESSAGES),
    fc.array(fc.tuple(fc.nat(), fc.nat(), fc.oneof(piece, field, end, fc.constant("again"))), { maxLength: 4 }),
  )
  .map(([{ bytes }, changes]) => {
    let text = bytes.toString("latin1");
    for (const [at, many, put] of changes) {
      const from = at % (text.length + 1);
      const cut = text.slice(from, from + (many % 40));
      const line = text.indexOf("\n", from) + 1;
      if (put === "again") text = text.slice(0, line) + cut + text.slice(line);
      else if (many % 3 === 0) text = text.slice(0, line) + put + text.slice(line);
      else text = text.slice(0, from) + put + text.slice(from + cut.length);
    }
    return Buffer.from(text, "latin1");
  });
/** As they are, or about what the message has. */
const limitsOf = fc.oneof(
  { weight: 5, arbitrary: fc.constant(() => HEADER_LIMITS) },
  fc
    .tuple(fc.integer({ min: -6, max: 6 }), fc.integer({ min: 1, max: 12 }), fc.boolean())
    .map(([off, fields, isWhole]) => (bytes: Buffer): HeaderLimits => {
      const wholeOrHeader = isWhole
        ? bytes.length
        : recognise(bytes, { decodeWords, headerLimits: HEADER_LIMITS }).headerBytes;
      return { bytes: Math.max(0, wholeOrHeader + off), fields };
    }),
);

test("recognise() and the full reading agree whatever is said, and what is kept of it reads the same", () => {
  fc.assert(
    fc.property(
      fc.oneof(composed, mutated, fc.uint8Array({ maxLength: 200 })),
      limitsOf,
      fc.nat(),
      (said, limits, more) => {
        const bytes = Buffer.from(said);
        const kind = agree(bytes, limits(bytes), more);
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      },
    ),
    { numRuns: Number(process.env.RECOGNISE_RUNS ?? 5_000) },
  );
  // Otherwise it would have proved less than it says.
  expect([...seen.keys()].sort()).toEqual([
    "bounce",
    "header-too-large",
    "no-status",
    "not-mm4",
    "other-pdu",
    "report",
    "too-many-fields",
    "type-outside-header",
    "unknown-type",
  ]);
});

/** Holds what is recognised against what is read, of the whole message and of what is kept. Returns what it is. */
function agree(bytes: Buffer, headerLimits: HeaderLimits, more = 0): string {
  const reading = { decodeWords, headerLimits };
  const { problem, headerBytes, mayAskForAck } = recognise(bytes, reading);
  expect(recognise(bytes.toString("latin1"), reading)).toEqual({ problem, headerBytes, mayAskForAck });
  const whole = readWhole(bytes, headerLimits);
  expect(problem).toEqual(whole.report.ok ? null : whole.report.error);

  const opened = openMessage(bytes, reading);
  if (!opened.ok) expect([headerBytes, mayAskForAck]).toEqual([bytes.length, false]);
  else {
    const { fields, warnings } = opened.value.header;
    expect(mayAskForAck).toBe(fields.some(({ key }) => key === "x-mms-ack-request"));
    // The empty line, or the end of the message, is the last of what is kept, and the first of its kind.
    const kept = bytes.toString("latin1", 0, headerBytes);
    if (warnings.includes("no-end-of-header")) expect(headerBytes).toBe(bytes.length);
    else expect(kept).toMatch(/(?:^|\n|^\u00ef\u00bb\u00bf)\r*\n?$/);
    const again = openMessage(bytes.subarray(0, headerBytes), reading);
    expect(again.ok && again.value.header).toEqual(opened.value.header);
  }
  if (problem === null || problem.kind === "other-pdu") {
    for (const end of [headerBytes, headerBytes + (more % (bytes.length - headerBytes + 1))]) {
      expect(readWhole(bytes.subarray(0, end), headerLimits)).toEqual(whole);
    }
  }
  return problem?.kind ?? "report";
}

/** All that becomes of a message depends on these. */
function readWhole(bytes: Uint8Array, headerLimits: HeaderLimits): { report: Result<Report, Problem>; asked: unknown } {
  const opened = openMessage(bytes, { decodeWords, headerLimits });
  if (!opened.ok) return { report: opened, asked: null };
  const context = { mailFrom: "a@mmsc.example.net", systemAddress: "b@mms.example.net", rules: ORDINARY_PEER };
  return {
    report: readReport(opened.value, ORDINARY_PEER, { decodeWords }),
    asked: [true, false].map((always) => readAckRequest(opened.value, { ...context, always })),
  };
}
