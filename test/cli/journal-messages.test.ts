/** Messages that wait in the journal as they were said: whoever looks is told what the service will read. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { encodeRecord, type JournalRecord } from "../../src/journal/record.ts";
import { segmentPath } from "../../src/journal/segments.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { cleanEnv, rowsOf } from "../support/service.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

const PAID = {
  rules: ORDINARY_PEER,
  acknowledge: { mode: "auto", host: "mmsc.example.net", to: null },
} as const;
const MM = { "X-Mms-Message-Type": "MM4_forward.REQ", "X-Mms-MM-Status-Code": undefined };
const ASKS = { "X-Mms-Ack-Request": "Yes", Sender: "system-user@mmsc.example.net" };

/** A data directory with these records waiting in its journal, and a Redis that is not there. */
function environment(records: readonly JournalRecord[], more: Readonly<Record<string, string>> = {}) {
  const data = mkdtempSync(join(tmpdir(), "mm4d-said-"));
  directories.push(data);
  mkdirSync(join(data, "journal"));
  writeFileSync(segmentPath(join(data, "journal"), 1), Buffer.concat(records.map(encodeRecord)));
  return cleanEnv({ MM4D_DATA_DIR: data, REDIS_URL: "redis://127.0.0.1:1", ...more });
}

async function exported(records: readonly JournalRecord[], more: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await runCommandWithin(["journal", "export"], environment(records, more));
  expect([code, stderr]).toEqual([0, ""]);
  return rowsOf(stdout);
}

test("a report is exported as its event, by the rules that its peer had, and behind it what was said, byte for byte", async () => {
  const bytes = Buffer.concat([
    deliveryReport({ From: "2025550100", "X-Mms-Status-Text": "caf\u00e9 \u0001\u202e" }),
    Buffer.from([0, 10, 0xff]),
  ]);
  const entry = { ...PAID, rules: { ...ORDINARY_PEER, nanp: true } };
  const [row] = await exported([saidRecord("j1", bytes, { entry, mailFrom: "", bytes: 1_000 })]);
  expect(Object.keys(row ?? {})).toEqual(["segment", "offset", "state", "id", "kind", "event", "said"]);
  expect(row).toMatchObject({ segment: 1, offset: 0, state: "waiting", id: "j1", kind: "event" });
  expect(row?.event).toEqual(JSON.parse(JSON.stringify(eventOf(bytes, { nanp: true }))));
  expect(row?.said).toMatchObject({ sessionId: "s1", entry, mailFrom: "", recognised: "report", bytes: 1_000 });
  expect(row?.said).toHaveProperty("text", bytes.toString("latin1"));
});

test("a report has the line that 1.0.0 wrote for it, with its acknowledgement; what cannot be read has its quarantine's", async () => {
  const report = deliveryReport(ASKS);
  const unreadable = deliveryReport({ "X-Mms-MM-Status-Code": undefined });
  const [first, second] = await exported([
    saidRecord("j1", report, { entry: PAID }),
    saidRecord("j2", unreadable, { recognised: "unreadable", bytes: unreadable.byteLength + 9 }),
  ]);
  expect(first).toMatchObject({
    kind: "event",
    event: { id: eventOf(report).id },
    acknowledgement: { peer: "carrier", eventId: eventOf(report).id, to: ASKS.Sender, requestStatus: "Ok" },
  });
  expect(second).toMatchObject({
    id: "j2",
    kind: "quarantine",
    message: { reason: "no-status", raw: Buffer.from(unreadable).toString("base64"), notKept: 9 },
  });
});

test("another PDU is exported as the acknowledgement that it is owed, or with what was found when nothing is made of it", async () => {
  const rows = await exported([
    saidRecord("j1", deliveryReport({ ...MM, ...ASKS }), { entry: PAID, recognised: "other-pdu" }),
    saidRecord("j2", deliveryReport(MM), { recognised: "other-pdu" }),
  ]);
  expect(rows).toMatchObject([
    { kind: "acknowledgement", acknowledgement: { requestStatus: "Error-unsupported-message", eventId: null } },
    { id: "j2", kind: "message", finding: { kind: "ignored", messageType: "MM4_forward.REQ" } },
  ]);
  expect(Object.keys(rows[1] ?? {})).toEqual(["segment", "offset", "state", "id", "kind", "finding", "said"]);
});

test("with --unread nothing is read", async () => {
  const report = deliveryReport();
  const env = environment([saidRecord("j1", report), { id: "j2", kind: "event", event: eventOf(report) }]);
  const { code, stdout } = await runCommandWithin(["journal", "export", "--unread"], env);
  const [first, second] = rowsOf(stdout);
  expect([code, first?.kind, second?.kind]).toEqual([0, "message", "event"]);
  expect(Object.keys(first ?? {})).toEqual(["segment", "offset", "state", "id", "kind", "said"]);
  expect(first?.said).toMatchObject({ peer: { name: "carrier" }, text: Buffer.from(report).toString("latin1") });
});

test("the catalogue of now explains the code, and the event keeps its id", async () => {
  const report = deliveryReport({ "X-Internal-Status-Code": "470" });
  const directory = mkdtempSync(join(tmpdir(), "mm4d-catalogue-"));
  directories.push(directory);
  const file = join(directory, "codes.json");
  writeFileSync(file, JSON.stringify({ codes: [{ code: 470, explanation: "In the words of now" }] }));
  const [row] = await exported([saidRecord("j1", report)], { MM4D_CATALOGUE_FILE: file });
  const event = row?.event as DeliveryEvent;
  expect([event.id, event.data.reason?.explanation]).toEqual([eventOf(report).id, "In the words of now"]);
});

test("status and verify count them as every other record", async () => {
  const records = ["j1", "j2"].map((id, n) =>
    saidRecord(id, deliveryReport(), { receivedAt: `2026-01-02T03:04:0${5 - n}.000Z` }),
  );
  const env = environment(records);
  const status = JSON.parse((await runCommandWithin(["journal", "status", "--json"], env)).stdout);
  expect(status).toMatchObject({ waiting: 2, oldestWaitingAt: "2026-01-02T03:04:04.000Z", damagedPlaces: 0 });
  const { code, stdout } = await runCommandWithin(["journal", "verify"], env);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^1 segment, 2 records, \d+ bytes: every record is whole$/m),
  ]);
});

test("a report that waits is known by its ids and numbers, and so is what makes no event", async () => {
  const report = deliveryReport({
    "X-Mms-Message-ID": '"mm-w"',
    "X-Mms-Transaction-ID": "tx-w",
    From: "011442079460000",
  });
  const entry = { ...PAID, rules: { ...ORDINARY_PEER, internationalPrefixes: ["011"] } };
  const env = environment([
    saidRecord("j1", report, { entry }),
    saidRecord("j2", deliveryReport({ ...MM, "X-Mms-Message-ID": "mm-in" }), { recognised: "other-pdu" }),
    saidRecord("j3", deliveryReport({ "X-Mms-Message-ID": "mm-no", "X-Mms-MM-Status-Code": undefined })),
  ]);
  const { id } = eventOf(report, entry.rules);
  for (const wanted of ["mm-w", "tx-w", "+442079460000", id, "mm-in", "mm-no", "j3"]) {
    const { code, stderr } = await runCommandWithin(["trace", wanted], env);
    expect([wanted, code, stderr.replace(/\s+/g, " ")]).toEqual([
      wanted,
      1,
      expect.stringContaining("it came at 2026-01-02T03:04:05.678Z, and waits in the journal for Redis"),
    ]);
  }
  expect((await runCommandWithin(["trace", "mm-other"], env)).stderr).not.toContain("it came at");
});
