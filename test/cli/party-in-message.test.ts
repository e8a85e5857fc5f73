/** A number is found in what the journal holds, however it stands there, and blotted out of its damaged pieces. */
import { expect, test } from "vitest";
import { blotted, isHeldIn } from "../../src/cli/party-in-message.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { createReadRecords } from "../../src/flow/ready.ts";
import { encodeRecord, type JournalRecord } from "../../src/journal/record.ts";
import { readPartySought } from "../../src/text/party-sought.ts";
import { decodeWords } from "../support/decode-words.ts";
import { deliveryReport, eventOf, HEADER_LIMITS } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { tables } from "../support/tables.ts";

const KIM = readPartySought("+12025550155");
if (!KIM) throw new Error("This is a number");
const kim = KIM;

const reading = { decodeWords, headerLimits: HEADER_LIMITS, ...tables(), source: "/mm4d/local" };
const read = createReadRecords({
  reading: () => reading,
  acknowledging: { systemAddress: "system-user@mms.example.net", canSend: () => true },
});

const base64 = (text: string) => Buffer.from(text).toString("base64");
/** A number that stands on two lines of the base64. */
const BODY = base64(`${"x".repeat(50)} +12025550155`).replace(/.{76}/, "$&\r\n");
const withBody = (body: string) =>
  Buffer.concat([
    deliveryReport({ From: "+12025550156", "Content-Transfer-Encoding": "base64", "Content-Type": "text/plain" }),
    Buffer.from(`${body}\r\n`),
  ]);
const PREFIXED = {
  rules: { ...ORDINARY_PEER, internationalPrefixes: ["0011"] },
  acknowledge: { mode: "off", host: null, to: null },
} as const;

const HELD: readonly (readonly [string, JournalRecord])[] = [
  ["as it is written", saidRecord("j1", deliveryReport({ From: "+12025550155/TYPE=PLMN" }))],
  ["within a fold", saidRecord("j1", deliveryReport({ From: "+1202\r\n 5550155/TYPE=PLMN" }))],
  ["in an encoded word", saidRecord("j1", deliveryReport({ Subject: `=?utf-8?B?${base64("to +12025550155")}?=` }))],
  ["in an encoded body", saidRecord("j1", withBody(BODY))],
  ["behind a prefix of its peer", saidRecord("j1", deliveryReport({ From: "001112025550155" }), { entry: PREFIXED })],
  ["as 1.0.0 stored it", { id: "j1", kind: "event", event: eventOf(deliveryReport({ From: "+12025550155" })) }],
];

test.each(HELD)("%s", async (_, record) => {
  expect(await isHeldIn(read(record, 0), kim)).toBe(true);
});

test("another number is nobody's reason", async () => {
  for (const bytes of [deliveryReport(), withBody(base64("+12025550156"))]) {
    expect(await isHeldIn(read(saidRecord("j1", bytes), 0), kim)).toBe(false);
  }
});

test("of a damaged piece of a message, an encoded body is blotted out over its line ends", async () => {
  const piece = encodeRecord(saidRecord("j1", withBody(BODY)))
    .toString("latin1")
    .slice(100);
  const after = await blotted(kim, piece);
  expect([after.length, after.includes(BODY.slice(0, 20)), after.includes("*".repeat(80))]).toEqual([
    piece.length,
    false,
    true,
  ]);
  expect(after).toContain("+12025550156");
});
