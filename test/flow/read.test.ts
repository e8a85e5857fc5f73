/** What a stored message is read as: by the rules that were in force when it came, whatever is set now. */
import { expect, test } from "vitest";
import type { ReadMessage } from "../../src/delivery/fate.ts";
import { createReadRecords } from "../../src/flow/ready.ts";
import { ACKNOWLEDGING, READING, readRecords, saidRecord } from "../support/drain.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const LOCAL = deliveryReport({ From: "5551234567/TYPE=PLMN", To: "+15550001111/TYPE=PLMN" });

function readOf(bytes: Uint8Array, rules = {}, reading = READING): ReadMessage {
  const read = createReadRecords({ reading: () => reading, acknowledging: ACKNOWLEDGING });
  const found = read(saidRecord("j1", bytes, "carrier", rules), 0).read;
  if (found === null) throw new Error("It should be read");
  return found;
}

test.each([{ nanp: true }, { swapAddresses: true }, { nanp: true, swapAddresses: true }, {}])(
  "the event of a report has the id that the rules in its record give it: %o",
  (rules) => {
    const { finding, ids } = readOf(LOCAL, rules);
    const wanted = eventOf(LOCAL, rules);
    expect(finding).toMatchObject({ kind: "event", event: { id: wanted.id } });
    expect(ids.messageId).toBe(wanted.data.messageId);
  },
);

test("the rules change the id of this report: the test above could fail", () => {
  const ids = [{}, { nanp: true }, { swapAddresses: true }].map((rules) => eventOf(LOCAL, rules).id);
  expect(new Set(ids).size).toBe(3);
});

test("a code is explained by the table that its record names", () => {
  const fields = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };
  const events = ["bandwidth", "none"].map((catalogue) => {
    const { finding } = readOf(deliveryReport(fields), { catalogue });
    return finding.kind === "event" ? finding.event : null;
  });
  expect(events.map((event) => event?.data.reason?.name)).toEqual(["rejected-spam-detected", "470"]);
  expect(events[1]?.id).toBe(events[0]?.id);
});

test("limits that were lowered since then keep no report from being read", () => {
  const { finding } = readOf(LOCAL, {}, { ...READING, headerLimits: { bytes: 10, fields: 1 } });
  expect(finding.kind).toBe("event");
});

test("a fault of ours keeps the message, and what is known of it", () => {
  const { finding, ids } = readOf(LOCAL, {}, { ...READING, tableOf: null as never });
  expect(finding).toMatchObject({ kind: "quarantine", message: { reason: "internal-error" } });
  expect(ids.messageId).toBe("mm-1@mmsc.example.net");
});

test("what was taken for a report and reads as something else is kept, and said to be a fault of ours", () => {
  const { finding } = readOf(Buffer.from("Subject: News\r\n\r\n"));
  expect(finding).toMatchObject({
    kind: "quarantine",
    message: { reason: "internal-error", detail: "It was taken for report, and read as not-mm4" },
  });
});

test("what has ended the process three times while it was read goes into quarantine unread", () => {
  const record = saidRecord("j1", LOCAL);
  expect(readRecords(record, 2).job).toMatchObject({ kind: "event" });
  expect(readRecords(record, 3).job).toMatchObject({
    kind: "quarantine",
    message: { reason: "not-read", raw: Buffer.from(LOCAL).toString("base64") },
  });
});

test("how much of a message is not kept is told with it", () => {
  const record = saidRecord("j1", LOCAL);
  const cut = { ...record, message: { ...record.message, bytes: record.message.bytes + 100 } };
  expect(readRecords(cut, 3).job).toMatchObject({ message: { notKept: 100 } });
});
