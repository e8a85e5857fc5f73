/** What a message asks to be answered, and the answer as it goes out: octet by octet. */
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import {
  type Acknowledgeable,
  type Acknowledgement,
  type AckRequest,
  ANSWERS,
} from "../../src/delivery/acknowledgement.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { readAckRequest } from "../../src/mm4/ack-request.ts";
import { composePdu } from "../../src/mm4/compose.ts";
import { composeResponse } from "../../src/mm4/compose-response.ts";
import { DIALECTS, type DialectName } from "../../src/mm4/dialects.ts";
import { readHeader } from "../../src/mm4/header.ts";
import { openMessage } from "../../src/mm4/read-message.ts";
import { writeField } from "../../src/mm4/write-field.ts";
import { decodeWords } from "../support/decode-words.ts";
import { deliveryReport, type FieldsOf, HEADER_LIMITS } from "../support/report.ts";
import { okResponse } from "../support/response.ts";

const OURS = "system-user@mms.example.net";

function asked(bytes: Uint8Array, mailFrom = "system-user@mmsc.example", always = true): AckRequest | null {
  const opened = openMessage(bytes, { decodeWords, headerLimits: HEADER_LIMITS });
  if (!opened.ok) throw new Error(opened.error.kind);
  return readAckRequest(opened.value, { mailFrom, systemAddress: OURS, rules: ORDINARY_PEER, always });
}

const report = (fields: FieldsOf, mailFrom?: string) => asked(deliveryReport(fields), mailFrom);

describe("whether it asks", () => {
  test.each([
    ["Yes", true],
    ["yes", true],
    ["YES", true],
    ["Y", true],
    ["1", true],
    ["true", true],
    ["128", true],
    ['"Yes"', true],
    ["  Yes ", true],
    ["No", false],
    ["no", false],
    ["0", false],
    ["129", false],
    ["", false],
    ["Yes, please", false],
    [undefined, false],
  ])("X-Mms-Ack-Request: %s → %s", (value, wanted) => {
    const bytes = deliveryReport({ "X-Mms-Ack-Request": value });
    expect(asked(bytes, "", false) !== null).toBe(wanted);
    expect(asked(bytes, "", true)).not.toBe(null);
  });

  test("the field's name is read in any spelling", () => {
    expect(asked(deliveryReport({ "x-MMS-ACK-request": "Yes" }), "", false)).not.toBe(null);
  });
});

describe("which response it is owed", () => {
  test.each([
    ["MM4_delivery_report.REQ", "MM4_delivery_report.RES"],
    ["MM4_Delivery_Report.REQ", "MM4_delivery_report.RES"],
    ["MM4_read_reply_report.REQ", "MM4_read_reply_report.RES"],
    ["MM4_forward.REQ", "MM4_forward.RES"],
    ["MM4_capability_negotiation.REQ", "MM4_capability_negotiation.RES"],
    ["MM4_unheard_of.REQ", "MM4_unheard_of.RES"],
    ["nonsense", "MM4_delivery_report.RES"],
    [undefined, "MM4_delivery_report.RES"],
  ])("%s → %s", (type, wanted) => {
    expect(report({ "X-Mms-Message-Type": type })?.messageType).toBe(wanted);
  });

  test.each(["MM4_delivery_report.RES", "MM4_forward.RES", "mm4_READ_reply_report.res", "MM4_unheard_of.RES"])(
    "%s is never answered",
    (type) => {
      expect(report({ "X-Mms-Message-Type": type, "X-Mms-Ack-Request": "Yes" })).toBe(null);
    },
  );
});

describe("where it goes", () => {
  const machine = "system-user@relay.example";
  const subscriber = "+12025550199/TYPE=PLMN@relay.example";
  test.each<[string, FieldsOf, string, string | null]>([
    ["the Sender", { Sender: machine, "X-Mms-Originator-System": "admin@other.example" }, "x@y.example", machine],
    ["the Sender before a comment", { Sender: `${machine} (that is <x@y.example>)` }, "", machine],
    ["the Sender in angle brackets", { Sender: `"MMSC" <${machine}>` }, "", machine],
    [
      "the originator's system",
      { "X-Mms-Originator-System": "admin@other.example" },
      "x@y.example",
      "admin@other.example",
    ],
    [
      "the originator's system, where the Sender is a subscriber",
      { Sender: subscriber, "X-Mms-Originator-System": "admin@other.example" },
      "x@y.example",
      "admin@other.example",
    ],
    ["the Sender, where both are machines", { Sender: machine, "X-Mms-Originator-System": "b@c.example" }, "", machine],
    ["a subscriber, where nothing else is said", { Sender: subscriber }, "", subscriber],
    ["the envelope's sender", {}, "x@y.example", "x@y.example"],
    [
      "the envelope's sender, where the others are no addresses",
      { Sender: "PostMaster", "X-Mms-Originator-System": "system=h;party=+1" },
      "x@y.example",
      "x@y.example",
    ],
    ["nowhere: the null sender", {}, "", null],
    ["nowhere: a host", {}, "mmsc.example.net", null],
    ["nowhere: two lines", { Sender: "a@b.example\r\n\tBcc: c@d.example" }, "", null],
  ])("%s", (_, fields, mailFrom, wanted) => {
    expect(report(fields, mailFrom)?.to).toBe(wanted);
  });

  test.each<[FieldsOf, string]>([
    [{ Sender: OURS }, "x@y.example"],
    [{ Sender: "System-User@MMS.example.net" }, "x@y.example"],
    [{}, OURS],
    [{ "X-Mms-Originator-System": OURS }, ""],
  ])("never to ourselves: %j", (fields, mailFrom) => {
    expect(report({ ...fields, "X-Mms-Ack-Request": "Yes" }, mailFrom)).toBe(null);
  });
});

test.each([
  ["6.3.0", "6.10.0"],
  ["6.16.0", "6.10.0"],
  ['"6.3.0"', "6.10.0"],
  ["5.5.0", "5.5.0"],
  ["1.0", "1.0"],
  ["7", "7"],
  [undefined, "6.10.0"],
  ["six", "6.10.0"],
])("version %s is answered in %s", (version, wanted) => {
  const request = report({ "X-Mms-3GPP-MMS-Version": version });
  expect(fieldsOf(answer(request, "event")).get("x-mms-3gpp-mms-version")).toBe(wanted);
});

const IDS: Readonly<Record<string, readonly [transactionId: string, messageId: string, to: string, version: string]>> =
  {
    standard: ['"tx-1@mmsc"', '"mm-1@mmsc"', "system-user@relay.example", "6.10.0"],
    bandwidth: ['"tx-1@mmsc"', '"mm-1@mmsc"', "system-user@relay.example", "6.10.0"],
    mbuni: ['"tx-1@mmsc"', '"mm-1@mmsc"', "system-user@relay.example", "5.5.0"],
    vectorcore: ["tx-1@mmsc", "mm-1@mmsc", "system-user@relay.example", "6.10.0"],
    nexmo: ['"tx-1@mmsc"', '"mm-1@mmsc"', "envelope@relay.example", "6.10.0"],
    cellcom: ["mm-1@mmsc", "mm-1@mmsc", "envelope@relay.example", "5.5.0"],
    mmsgw: ['"tx-1@mmsc"', '"mm-1@mmsc"', "system-user@relay.example", "6.10.0"],
    gomsggw: ["<tx-1@mmsc>", "<mm-1@mmsc>", "system-user@relay.example", "6.10.0"],
    korean: ['"tx-1@mmsc"', '"mm-1@mmsc"', "system-user@relay.example", "6.10.0"],
  };

// 3GPP TS 23.140 §8.4.2, as protocol.md §1b has it.
test.each(Object.entries(IDS))("to %s it is, octet by octet", (name, [transactionId, messageId, to, version]) => {
  const bytes = composePdu({
    kind: "delivery-report",
    transactionId: "tx-1@mmsc",
    messageId: "mm-1@mmsc",
    recipient: "+12025550100/TYPE=PLMN",
    originator: "+12025550199/TYPE=PLMN",
    date: new Date(0),
    status: "Retrieved",
    ackRequested: true,
    systemAddress: "system-user@relay.example",
    dialect: DIALECTS[name as DialectName],
  });
  const request = asked(bytes, "envelope@relay.example", false);
  expect(request?.originator).toBe("+12025550199");
  expect(Buffer.from(answer(request, "event")).toString("latin1")).toBe(
    okResponse({
      version,
      transactionId,
      messageId,
      to,
      mailMessageId: "<a1@mms.example.net>",
      date: "Fri, 02 Jan 2026 03:04:05 +0000",
    }),
  );
});

test.each<[Acknowledgeable, string]>([
  ["event", "Ok"],
  ["unreadable", "Error-message-format-corrupt"],
  ["too-large", "Error-message-format-corrupt"],
  ["internal-error", "Error-unspecified"],
  ["other-pdu", "Error-unsupported-message"],
])("of what became %s it says %s", (fate, wanted) => {
  const fields = fieldsOf(answer(report({}), fate));
  expect(fields.get("x-mms-request-status-code")).toBe(wanted);
  expect(fields.has("x-mms-status-text")).toBe(fate !== "event");
});

test("whatever the ids hold, it is one ASCII mail with our fields and no others, and they read back as they were", () => {
  const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
  const id = fc.oneof(
    fc.string({ unit: byte, minLength: 1, maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(" ", "a", "\r", "\n", ":", "=", "?"), minLength: 1, maxLength: 300 }),
    fc.constantFrom(
      "x".repeat(960),
      "x".repeat(3_000),
      "é".repeat(500),
      "a\r\nBcc: x@y.example",
      "=?utf-8?B?eA==?=",
      '"a  b   c"',
    ),
    fc.string({ maxLength: 200, minLength: 1 }).map((text) => Buffer.from(text).toString("latin1")),
  );
  fc.assert(
    fc.property(id, id, (transactionId, messageId) => {
      const bytes = answer({ ...(report({}) as AckRequest), transactionId, messageId }, "event");
      const text = Buffer.from(bytes).toString("latin1");
      expect(/^[\x20-\x7e\t\r\n]*$/.test(text)).toBe(true);
      for (const line of text.split("\r\n")) {
        expect(line.length).toBeLessThanOrEqual(998);
        expect(line.includes("\r") || line.includes("\n")).toBe(false);
      }
      const header = readHeader(bytes, HEADER_LIMITS);
      if (!header.ok) throw new Error(header.error.kind);
      expect(header.value.fields.map(({ name }) => name)).toEqual(NAMES);
      expect(unfolded(text, "X-Mms-Transaction-ID")).toBe(transactionId);
      expect(unfolded(text, "X-Mms-Message-ID")).toBe(messageId);
    }),
    { numRuns: 2_000 },
  );
});

test("a long value is folded at single blanks, and mailparser reads it back", async () => {
  const value = `${"word ".repeat(60)}end`;
  const written = writeField("X-Mms-Status-Text", value);
  for (const line of written.split("\r\n")) expect(line.length).toBeLessThanOrEqual(78);
  expect(written.split("\r\n").length).toBeGreaterThan(3);
  const { headerLines } = await simpleParser(`${written}\r\n\r\n`);
  expect(headerLines[0]?.line.replaceAll("\r\n", "")).toBe(`X-Mms-Status-Text: ${value}`);
  expect(writeField("X", "a  b ".repeat(40).trim()).replaceAll("\r\n", "")).toBe(`X: ${"a  b ".repeat(40).trim()}`);
});

const NAMES = [
  "X-Mms-3GPP-MMS-Version",
  "X-Mms-Message-Type",
  "X-Mms-Transaction-ID",
  "X-Mms-Message-ID",
  "X-Mms-Request-Status-Code",
  "Sender",
  "From",
  "To",
  "Message-ID",
  "Date",
  "Auto-Submitted",
  "MIME-Version",
  "Content-Type",
];

function answer(request: AckRequest | null, fate: Acknowledgeable): Uint8Array {
  if (!request) throw new Error("It is owed nothing");
  const acknowledgement: Acknowledgement = {
    ...request,
    peer: "carrier",
    eventId: null,
    receivedAt: "2026-01-02T03:04:05.678Z",
    ...ANSWERS[fate],
  };
  return composeResponse(acknowledgement, {
    systemAddress: OURS,
    to: request.to ?? "system-user@relay.example",
    mailMessageId: "a1@mms.example.net",
    date: new Date("2026-01-02T03:04:05.678Z"),
  });
}

function fieldsOf(bytes: Uint8Array): ReadonlyMap<string, string> {
  const header = readHeader(bytes, HEADER_LIMITS);
  if (!header.ok) throw new Error(header.error.kind);
  return new Map(header.value.fields.map(({ key, bytes: value }) => [key, value]));
}

/** RFC 5322 §2.2.3 and RFC 2047 §6.2, written for this test: a field's value as bytes, one character each. */
function unfolded(text: string, name: string): string {
  const value = new RegExp(`^${name}: ((?:.|\\r\\n )*)$`, "m").exec(text)?.[1]?.replace(/\r\n(?= )/g, "") ?? "";
  const words = value.split(" ");
  const encoded = words.map((word) => /^=\?(?:utf-8|iso-8859-1)\?B\?([A-Za-z0-9+/]*=*)\?=$/.exec(word)?.[1]);
  // An id that looks like an encoded word is echoed as it is.
  if (value === "=?utf-8?B?eA==?=" || !encoded.every((word) => word !== undefined)) return value;
  return encoded.map((word) => Buffer.from(word ?? "", "base64").toString("latin1")).join("");
}
