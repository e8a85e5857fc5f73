/** What the archive has of a report is told as the trace tells it, and is found by every id and number it has. */
import { readdirSync, readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import type { Became } from "../../src/archive/archived.ts";
import { packBlock, scanBlocks, unpackBlock } from "../../src/archive/blocks.ts";
import { type ArchivedReport, readReport } from "../../src/archive/read-report.ts";
import { createReadRecords } from "../../src/flow/ready.ts";
import { encodeRecord, type JournalRecord, scanRecords } from "../../src/journal/record.ts";
import { replyToAccepted } from "../../src/smtp/reply-to.ts";
import { archivedEntry, isNamed, mayBeNamed } from "../../src/trace/archived.ts";
import { queuedAs } from "../support/archived.ts";
import { decodeWords } from "../support/decode-words.ts";
import { deliveryReport, eventOf, HEADER_LIMITS } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { tables } from "../support/tables.ts";

const reading = { decodeWords, headerLimits: HEADER_LIMITS, ...tables(), source: "/mm4d/local" };
const readRecord = createReadRecords({
  reading: () => reading,
  acknowledging: { systemAddress: "", canSend: () => false },
});
const AT = "2026-01-02T03:04:05.678Z";

function archived(record: JournalRecord, became: Became | null): ArchivedReport {
  return readReport({ record, became, at: "archive" }, (one) => readRecord(one, 0));
}

/** The line of a record as the archive has it. */
function lineOf(record: JournalRecord, became: Became | null): Buffer {
  const [stretch] = scanRecords(encodeRecord(record));
  if (stretch?.kind !== "record") throw new Error("It is no record");
  const block = packBlock([
    { json: stretch.json, receivedMs: Date.parse(AT), became: became && JSON.stringify(became) },
  ]);
  const [packed] = scanBlocks(block);
  return (packed?.kind === "block" && unpackBlock(packed.packed)[0]) || Buffer.of();
}

const MESSAGES = new URL("../messages/", import.meta.url);

test("every message that was seen on the wire is found by each of its ids and numbers", () => {
  let sought = 0;
  for (const name of readdirSync(MESSAGES).filter((file) => file.endsWith(".eml"))) {
    const record = saidRecord(`j${crc32(name)}`, readFileSync(new URL(name, MESSAGES)));
    const unread = archived(record, null);
    const became = queuedAs(unread.event?.id ?? null, AT, { kind: unread.event ? "queued" : "ignored" });
    const report = archived(record, became);
    const line = lineOf(record, became);
    const { event, read } = report;
    const numbers = event ? [event.data.recipient?.number, event.data.originator?.number].slice(0, 1) : [];
    const ids = [
      event?.id,
      event?.data.messageId,
      event?.data.transactionId,
      read?.ids.messageId,
      read?.ids.transactionId,
    ];
    for (const wanted of [record.id, ...ids, ...numbers]) {
      if (wanted === null || wanted === undefined || wanted.trim() === "") continue;
      expect([name, wanted, isNamed(report, wanted), mayBeNamed(wanted)(line)]).toEqual([name, wanted, true, true]);
      sought += 1;
    }
  }
  expect(sought).toBeGreaterThan(1_000);
});

test("what has another id or number is hardly ever read", () => {
  const lines = Array.from({ length: 100 }, (_, n) => {
    const bytes = deliveryReport({ "X-Mms-Message-ID": `mm-${n}`, From: `+1202555${7_000 + n}/TYPE=PLMN` });
    return lineOf(saidRecord(`j${n}`, bytes), queuedAs(`r${n}`, AT));
  });
  const read = (wanted: string): number => lines.filter(mayBeNamed(wanted)).length;
  expect(read("mm-77")).toBe(1);
  expect(read("r0123456789abcdef0123456789abcdef")).toBe(0);
  expect(read("+1 (202) 555-7042")).toBe(1);
  expect(read("00441632961357")).toBe(0);
  const unknown = lineOf(saidRecord("j1", deliveryReport()), null);
  expect(mayBeNamed("r0123456789abcdef0123456789abcdef")(unknown)).toBe(true);
});

test("a queued report is told with its event's id and outcome of then", () => {
  const report = archived(saidRecord("j1", deliveryReport()), queuedAs("rthen", AT, { outcome: "expired" }));
  expect(archivedEntry(report, replyToAccepted)).toMatchObject({
    kind: "report",
    at: AT,
    id: "j1",
    reply: "250 2.0.0 Report stored",
    tookMs: null,
    fate: { kind: "queued", at: "2026-01-02T03:04:06.678Z", event: { eventId: "rthen", outcome: "expired" } },
    ids: { eventId: "rthen", messageId: "mm-1@mmsc.example.net", numbers: ["12025550100"] },
  });
});

test.each<[string, Partial<Became>, object]>([
  ["a duplicate", { kind: "duplicate", duplicateOf: "j0" }, { kind: "duplicate", of: "j0" }],
  ["one that made no event", { kind: "ignored", eventId: null }, { kind: "ignored", messageType: "MM4_forward.REQ" }],
  [
    "an unreadable one",
    { kind: "quarantined", eventId: null, reason: "no-status" },
    { kind: "quarantined", reason: "no-status" },
  ],
])("%s is told as what it became", (_, became, fate) => {
  const fields: Record<string, string | undefined> =
    became.kind === "ignored"
      ? { "X-Mms-Message-Type": "MM4_forward.REQ" }
      : became.kind === "quarantined"
        ? { "X-Mms-MM-Status-Code": undefined }
        : {};
  const entry = archivedEntry(
    archived(saidRecord("j1", deliveryReport(fields)), queuedAs("r1", AT, became)),
    replyToAccepted,
  );
  expect(entry).toMatchObject({ kind: "report", fate });
});

test("of what a crash has taken, only that it came is told", () => {
  const entry = archivedEntry(archived(saidRecord("j1", deliveryReport()), null), replyToAccepted);
  const event = eventOf(deliveryReport());
  expect(entry).toMatchObject({
    kind: "received",
    at: AT,
    fate: "what became of it is not known",
    ids: { eventId: event.id },
    event: { id: event.id },
  });
});

test("what this version reads otherwise is told with what became of it then", () => {
  const unreadable = saidRecord("j1", deliveryReport({ "X-Mms-MM-Status-Code": undefined }));
  const entry = archivedEntry(archived(unreadable, queuedAs("rthen", AT)), replyToAccepted);
  expect(entry).toMatchObject({
    kind: "received",
    fate: "queued then, which this version reads otherwise",
    ids: { eventId: "rthen" },
    event: null,
  });
});

test("what 1.0.0 stored is told with the event that it stored", () => {
  const event = eventOf(deliveryReport());
  const entry = archivedEntry(archived({ id: "j1", kind: "event", event }, queuedAs(event.id, AT)), replyToAccepted);
  expect(entry).toMatchObject({ kind: "queued", recordId: "j1", event: { id: event.id } });
});
