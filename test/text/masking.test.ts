import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { shownJob } from "../../src/admin/board.ts";
import { row } from "../../src/admin/peer-acknowledgements.ts";
import { told } from "../../src/admin/report-told.ts";
import type { Acknowledgement } from "../../src/delivery/acknowledgement.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { readSaid } from "../../src/flow/read.ts";
import { readParty } from "../../src/mm4/address.ts";
import { beginningOf, beginningOfValue } from "../../src/text/beginning.ts";
import { maskHeader } from "../../src/text/mask-header.ts";
import { acknowledgementMask, maskAllNumbers, maskEvent, numberMask, numberMasks } from "../../src/text/masking.ts";
import { idsOf, type TracedReport } from "../../src/trace/note.ts";
import { headerOf, tellReport } from "../../src/trace/told.ts";
import { decodeWords } from "../support/decode-words.ts";
import { deliveryReport, eventOf, HEADER_LIMITS, PEER } from "../support/report.ts";
import { tables } from "../support/tables.ts";

const parties = [readParty("+12025550100/TYPE=PLMN").party, readParty("12025550199 <12025550199@x>").party];

test.each([
  ["+12025550100", "+*******0100"],
  ["+12025550100/TYPE=PLMN", "+*******0100/TYPE=PLMN"],
  ["mm-12025550199-1@mmsc", "mm-*******0199-1@mmsc"],
  ["id+12025550177@mmsc", "id+*******0177@mmsc"],
  ["+1 (202) 555-0177", "+* (***) ***-0177"],
  ["1700000000123", "1700000000123"],
  ["55501", "55501"],
  [
    "202-555-0100 is +12025550100's end, 1.202.555.0100 is it",
    "202-555-0100 is +*******0100's end, *.***.***.0100 is it",
  ],
  ["9912025550100120255501993", "99*******0100*******01993"],
])("numberMask() makes %s %s", (text, masked) => {
  expect(numberMask(parties)(text)).toBe(masked);
});

test.each([
  ["call 202-555-0177 or 2025550178", "call ***-***-0177 or ******0178"],
  ["(202) 555.0177", "(***) ***.0177"],
  ["code 470, 24 Nov 2026", "code 470, 24 Nov 2026"],
  ["from mmsc.example.net ([192.168.100.200])", "from mmsc.example.net ([192.168.100.200])"],
  [
    "a0123456789012345678901234567890f and 12345678-1234-1234-1234-12345678901a",
    "a0123456789012345678901234567890f and 12345678-1234-1234-1234-12345678901a",
  ],
  ["a01234567890123456789012345678901", "a****************************8901"],
])("maskAllNumbers() makes %s %s", (text, masked) => {
  expect(maskAllNumbers(text)).toBe(masked);
});

test("numberMask() hides of numbers that overlap whatever either hides", () => {
  const mask = numberMask(["1234567", "34567890123"].map((number) => ({ raw: number, number: null })));
  expect(mask("x1234567890123x")).toBe("x*********0123x");
});

test("an id keeps its digits however many recipients a response has, and whatever numbers are in its addresses", () => {
  const id = "20251130-1234567-n101";
  const numbers = Array.from({ length: 500 }, (_, index) => `+1202555${1_000 + index}`);
  const response = deliveryReport({
    "X-Mms-Message-ID": id,
    "X-Mms-Transaction-ID": `${id}-12025551499-1 (202) 555-1000`,
    "X-Mms-Message-Type": "MM4_forward.RES",
    "X-Mms-Request-Status-Code": "Ok",
    "X-Mms-Request-Recipients": numbers.join(","),
  });
  const longest = deliveryReport({ "X-Mms-Message-ID": id, From: "0".repeat(900), To: "7654321;".repeat(120) });
  for (const [bytes, transaction] of [[response, `${id}-*******1499-* (***) ***-1000`] as const, [longest] as const]) {
    const event = eventOf(bytes);
    for (const shown of [maskEvent(event), shownJob({ ...event }), ...shownEvents({}, "", event)]) {
      const text = typeof shown === "string" ? shown : JSON.stringify(shown);
      expect(text).not.toMatch(/2025551\d\d\d|0{7}|7654321/);
    }
    const { data } = maskEvent(event);
    expect(data.messageId).toBe(id);
    expect(data.transactionId).toBe(transaction ?? "tx-1@mmsc.example.net");
    expect(data.raw.messageId).toContain(id);
  }
});

test("beyond what is known, ids lose what is known and what has a plus, and everything else whatever may be a number", () => {
  const many = Array.from({ length: 30_000 }, (_, index) => ({ raw: `12025${100_000 + index}`, number: null }));
  const { id, text } = numberMasks(many);
  expect(id("mm-12025100000 1700000000123 +442079460123")).toBe("mm-*******0000 1700000000123 +********0123");
  expect(text("12025129999 x 1700000000123")).toBe("*******9999 x *********0123");
  const event = eventOf(deliveryReport({ "X-Mms-Message-ID": "1700000000123" }));
  const requestRecipients = many.map((party) => ({ party: { ...party, kind: "other", domain: null }, status: null }));
  const huge = { ...event, data: { ...event.data, requestRecipients } } as typeof event;
  const masked = maskEvent(huge);
  expect(masked.data.messageId).toBe("1700000000123");
  expect(JSON.stringify(masked.data.requestRecipients)).not.toMatch(/\d{7}/);
});

test("numbers are found wherever one is the beginning, the middle or the end of another", () => {
  const numbers = ["1234567", "12345678901", "3456789", "45678901234", "9999999", "99999999999"];
  const mask = numberMask(numbers.map((number) => ({ raw: number, number: null })));
  const samples = ["123456789012345", "x1234569 x34567890", "99999999999999", "1-2-3 4567 89", "456789012341234567"];
  for (const sample of samples) {
    // What each of them hides by itself.
    const each = numbers.map((number) => numberMask([{ raw: number, number: null }])(sample));
    const hidden = [...sample].map((char, at) => (each.some((text) => text[at] === "*") ? "*" : char)).join("");
    expect(mask(sample)).toBe(hidden);
  }
});

test("maskEvent() changes texts only: a code that is the recipient's number stays a number", () => {
  const fields = {
    From: "2025550100",
    "X-Internal-Status-Code": "2025550100",
    "X-Mms-MM-Status-Code": "Rejected",
    "X-Mms-Status-Text": "no such subscriber 12025550166",
  };
  const event = eventOf(deliveryReport(fields), { nanp: true });
  const masked = maskEvent(event);
  expect(masked.data.reason?.code).toBe(2_025_550_100);
  expect(masked.data.recipient?.number).toMatch(/^[+*]+0100$/);
  expect(masked.data.raw.statusText).toBe("no such subscriber *******0166");
  expect(masked.data.raw.from).toBe("******0100");
  expect(JSON.stringify({ ...masked, data: { ...masked.data, reason: null } })).not.toMatch(/202555/);
  expect(masked.id).toBe(event.id);
});

/** Ids as peers make them, always the same ones: UUIDs, hex, decimal, and mixed with words. */
function idOf(index: number): string {
  const hex = createHash("sha256").update(`${index}`).digest("hex");
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
  const decimal = BigInt(`0x${hex}`).toString();
  const forms = [uuid, hex, decimal.slice(0, 7 + (index % 30)), `mm-${decimal.slice(0, 13)}.${hex.slice(0, 9)}@mmsc-1`];
  return forms[index % forms.length] ?? "";
}

const ID_COUNT = 10_000;

test("an id keeps its digits on every page, on the board, in tail and in a trace", () => {
  const record = `j${"0".repeat(24)}12345678`;
  for (let index = 0; index < ID_COUNT; index += 1) {
    const id = idOf(index);
    const fields = { "X-Mms-Message-ID": id, "X-Mms-Transaction-ID": id };
    const ack: Acknowledgement = {
      peer: "carrier",
      eventId: `r${createHash("md5").update(id).digest("hex")}`,
      receivedAt: "2026-01-02T03:04:05.678Z",
      messageType: "MM4_delivery_report.RES",
      version: null,
      transactionId: id,
      messageId: id,
      to: "+12025550199/TYPE=PLMN@mmsc.example.net",
      originator: "+12025550199",
      numbers: ["12025550199", "12025550100"],
      requestStatus: "Ok",
      statusText: null,
    };
    const ids = { eventId: null, messageId: id, transactionId: id, numbers: [] };
    const header = `X-Mms-Message-ID: ${id}\r\nMessage-ID: <${id}>\r\nFrom: +12025550100/TYPE=PLMN\r\nTo: 2025550199`;
    const shown = [
      numberMask(parties)(id),
      maskHeader(header, []),
      maskHeader(header, parties),
      tellReport(noEvent(ids, header), "masked").headline.join("\n"),
      shownJob({ ...ack }),
      row(
        {
          id: `a${record.slice(1)}`,
          state: "undelivered",
          acknowledgement: ack,
          attempts: 1,
          error: null,
          reply: null,
          at: null,
        },
        { loggedIn: true, numbers: "masked" },
      ).toString(),
      // An event costs the most to make: of some ids.
      ...(index % 20 === 0 ? shownEvents(fields, header) : []),
    ].map((part) => (typeof part === "string" ? part : JSON.stringify(part)));
    for (const [place, text] of shown.entries()) {
      if (!text.includes(id)) throw new Error(`${index} ${place}: ${id} is not in ${text}`);
      expect(text).not.toMatch(/2025550\d\d\d/);
    }
  }
});

function shownEvents(
  fields: Record<string, string>,
  header: string,
  event = eventOf(deliveryReport(fields)),
): readonly unknown[] {
  const report = { ...noEvent(idsOf(event), header), event };
  return [
    maskEvent(event),
    shownJob({ ...event }),
    headerOf(report, "masked"),
    tellReport(report, "masked").headline.join("\n"),
    told(report, { numbers: "masked", loggedIn: true, queue: "events", address: "/reports/x" }).toString(),
  ];
}

function noEvent(ids: TracedReport["ids"], header: string): TracedReport {
  const peer = { name: "carrier", address: "192.168.100.200", helo: null, tls: null, user: null };
  const received = {
    kind: "received",
    at: "2026-01-02T03:04:05.678Z",
    quarantineId: null,
    sessionId: "s1",
    peer,
  } as const;
  const rest = { mailFrom: "", bytes: 1, tookMs: 1, reply: "250 2.0.0 stored", fate: null, header, ids, event: null };
  return { event: null, said: null, today: null, ids, notes: [{ ...received, ...rest }], job: null };
}

test("an id loses the digits of a party's own number, and of one with a plus, on every page", () => {
  const id = "mm-2025550199-17000000001+442079460123";
  const header = `X-Mms-Message-ID: ${id}\r\nTo: 2025550199`;
  const masked = "mm-******0199-17000000001+********0123";
  expect(maskHeader(header, [])).toContain(masked);
  const ids = { eventId: null, messageId: id, transactionId: null, numbers: [] };
  expect(tellReport(noEvent(ids, header), "masked").headline.join()).toContain(masked);
  expect(
    JSON.stringify(shownJob({ requestStatus: "Ok", messageId: id, to: "2025550199@x", originator: null, numbers: [] })),
  ).toContain(masked);
});

test("ids of an acknowledgement lose the digits of every party of its message, however the message writes it", async () => {
  const fields = {
    From: "=?utf-8?q?2025550100?= <2025550100/TYPE=PLMN@x>",
    To: "+12025550199, 2025550188",
    "X-Mms-Request-Recipients": "2025550177 Ok",
    "X-Mms-Ack-Request": "Yes",
    "X-Mms-Message-ID": "12025550100.20261130@mmsc.example",
    "X-Mms-Transaction-ID": "2025550177-2025550188-1700000000123",
  };
  const ack = owedOf(deliveryReport(fields));
  const entry = { id: "a1", state: "undelivered", attempts: 1, error: null, reply: null, at: null } as const;
  for (const text of [
    JSON.stringify(shownJob({ ...ack })),
    row({ ...entry, acknowledgement: ack }, { loggedIn: true, numbers: "masked" }).toString(),
  ]) {
    expect(text).toContain("*******0100.20261130@mmsc.example");
    expect(text).toContain("******0177-******0188-1700000000123");
    expect(text).not.toContain("202555");
  }
});

/** What the peer of a message is owed. */
function owedOf(bytes: Uint8Array): Acknowledgement {
  const acknowledge = { mode: "auto", host: "mmsc.example", to: null } as const;
  const { finding } = readSaid(
    {
      sessionId: "s1",
      peer: PEER,
      entry: { rules: { ...ORDINARY_PEER, nanp: true }, acknowledge },
      mailFrom: "system-user@mmsc.example",
      receivedAt: new Date().toISOString(),
      recognised: "report",
      bytes: bytes.length,
      said: Buffer.from(bytes).toString("latin1"),
    },
    { decodeWords, headerLimits: HEADER_LIMITS, ...tables(), source: "/mm4d/local" },
    { systemAddress: "system-user@mm4.example", canSend: () => true },
  );
  if (finding.kind !== "event" || finding.owed.state !== "owed") throw new Error(JSON.stringify(finding));
  return finding.owed.acknowledgement;
}

test("an acknowledgement that 1.0.0 stored loses what may be a number, and keeps UUIDs, hex and ids of ours", () => {
  const mask = acknowledgementMask({ originator: null, to: "system-user@mmsc.example" });
  expect(mask("12025550100.20261130@mmsc.example")).toBe("*******0100.20261130@mmsc.example");
  expect(mask("<mm-2025550100-7>")).toBe("<mm-******0100-7>");
  for (let index = 0; index < ID_COUNT; index += 1) {
    const hex = createHash("sha256").update(`old ${index}`).digest("hex");
    const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
    // Hex of digits alone is as rare as it is awkward.
    const digits = uuid.replace(/[a-f]/g, "7");
    const id = `${uuid} ${digits} ${hex} j${hex.slice(0, 32)} ${hex.slice(0, 9)}.${index}`;
    if (mask(id) !== id) throw new Error(`${id} is ${mask(id)}`);
  }
});

test("what is cut never ends within a number, and what is small stays as it was", () => {
  expect(beginningOf(`${"x".repeat(995)}+12025550100`)).toBe(`${"x".repeat(995)}…`);
  expect(beginningOf("x".repeat(1_000))).toBe("x".repeat(1_000));
  const event = eventOf(deliveryReport());
  expect(beginningOfValue(event)).toEqual(event);
});

test("of a huge event a page shows an event, masked, of the size of a page", () => {
  // Larger than events may be by now: 1.0.0 made such ones, and they may be on the queue still.
  const event = eventOf(deliveryReport());
  const raw = { ...event.data.raw, statusText: "12025550166 ".repeat(5_000) };
  const recipients = Array.from({ length: 20_000 }, (_, index) => ({
    party: { raw: `+1202555${index}`, kind: "e164" as const, number: `+1202555${index}`, domain: null },
    status: null,
  }));
  const huge = { ...event, data: { ...event.data, raw, messageId: "9".repeat(60_000), requestRecipients: recipients } };
  const text = JSON.stringify(shownJob({ ...huge }));
  expect(text.length).toBeLessThan(50_000);
  expect(text).toContain("and 19900 more");
  expect(text).not.toMatch(/\d{7}/);
});
