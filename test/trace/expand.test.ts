/** What is shown of an entry: the event, read again from its header, and what this version would read otherwise. */
import { describe, expect, test } from "vitest";
import { told } from "../../src/admin/report-told.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { entryIn, lineOf, type ReportEntry, summaryOf } from "../../src/trace/entry.ts";
import { expanded } from "../../src/trace/expand.ts";
import { headerIn } from "../../src/trace/header.ts";
import { MAX_HEADER_LENGTH, type TracedReport } from "../../src/trace/note.ts";
import type { TraceReading } from "../../src/trace/reading.ts";
import { headerOf, tellReport } from "../../src/trace/told.ts";
import { KIM, readingBy, reported } from "../support/notes.ts";
import { deliveryReport, eventOf, message } from "../support/report.ts";

/** As it is found: written, and read from its line. */
async function shown(entry: ReportEntry, reading: TraceReading = readingBy()): Promise<TracedReport> {
  const found = entryIn(lineOf(entry)) as ReportEntry;
  expect(found).toEqual(entry);
  return { ...(await expanded([found], new Set(), reading)), job: null };
}

const linesOf = (report: TracedReport) => tellReport(report, "full").headline;
const today = (report: TracedReport) => linesOf(report).filter((line) => line.includes("read today"));

/** Ten digits, which are a number by one rule and none by another; and a code. */
const TEN_DIGITS = { From: "2025550155", "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };

test.each([
  ["ordinary", {}, {}],
  ["with a code", { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }, {}],
  ["with a code that is listed nowhere", { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "5999" }, {}],
  ["in conflict", { "X-Mms-MM-Status-Code": "Retrieved", "X-Internal-Status-Code": "470" }, {}],
  ["with warnings", { "X-Mms-3GPP-MMS-Version": undefined, To: undefined }, {}],
  ["without ids", { "X-Mms-Message-ID": undefined, "X-Mms-Transaction-ID": undefined }, {}],
  ["not final", { "X-Mms-MM-Status-Code": "Deferred" }, {}],
  ["by its peer's rules", TEN_DIGITS, { nanp: true, internationalPrefixes: ["00"], localLongCode: true }],
  ["with its sides exchanged", KIM, { swapAddresses: true }],
  ["in Latin-1", { "X-Mms-Status-Text": Buffer.from("nicht erreichbar für uns").toString("latin1") }, {}],
])("%s: the event is what it was, and nothing would be read otherwise", async (_what, fields, rules) => {
  const entry = reported(fields, "j1", { rules });
  const report = await shown(entry, readingBy(rules));
  const { data, ...event } = eventOf(deliveryReport(fields), rules);
  expect(report.event).toEqual({ ...event, time: entry.at, data: { ...data, receivedAt: entry.at } });
  expect([report.today, today(report)]).toEqual([null, []]);
});

test("a header that ended with the message is read as it was", async () => {
  const bytes = deliveryReport();
  const report = await shown(reported(bytes.subarray(0, bytes.length - 2), "j1"));
  expect([report.event?.data.warnings, report.today]).toEqual([["no-end-of-header"], null]);
});

describe("what happened is told, and beside it what would be read today", () => {
  test("when the peer's rules have changed", async () => {
    const entry = reported(TEN_DIGITS, "j1", { rules: { nanp: true } });
    const report = await shown(entry, readingBy({}));
    expect(report.event).toMatchObject({ id: entry.ids.eventId, data: { recipient: { number: "+12025550155" } } });
    const now = eventOf(deliveryReport(TEN_DIGITS));
    expect(report.today).toEqual({ kind: "event", event: summaryOf(now) });
    expect(today(report)).toEqual([
      `  would read today: event ${now.id} (was ${entry.ids.eventId}), warnings ${now.data.warnings.join(" ")} (was number-without-plus)`,
    ]);
    const page = told(report, { numbers: "masked", loggedIn: true, queue: "events", address: "/reports/x" }).toString();
    expect(page).toContain(`>would read today: event ${now.id}`);
  });

  test("when the catalogue says otherwise", async () => {
    const entry = reported({ "X-Mms-MM-Status-Code": undefined, "X-Internal-Status-Code": "470" }, "j1");
    const codes = [{ code: 470, outcome: "expired", explanation: "Ours" }] as const;
    const changed = createCatalogue({ codes, precedence: [] });
    const report = await shown(entry, readingBy({}, changed));
    expect(report.event?.data).toMatchObject({ outcome: "rejected", disposition: "failure", reason: { code: 470 } });
    expect(linesOf(report)[0]).toBe("rejected (failure, final)  470 rejected-spam-detected");
    expect(today(report)).toEqual(["  would read today: outcome expired (was rejected)"]);
  });

  test("when another code is read", async () => {
    const entry = reported({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }, "j1");
    const event = { ...(entry.fate as { event: object }).event, code: 999 };
    const report = await shown({ ...entry, fate: { ...entry.fate, event } as ReportEntry["fate"] });
    expect(report.event?.data.reason).toBe(null);
    expect(today(report)).toEqual(["  would read today: code 470 (was 999)"]);
  });

  test("when it makes no event any more", async () => {
    const entry = reported(KIM, "j1");
    const stricter = { ...entry, header: entry.header.replace(/X-Mms-MM-Status-Code: .*/, "X-Mms-Other: x") };
    const report = await shown(stricter);
    expect([report.event, report.today]).toEqual([null, { kind: "no-event", problem: "no-status" }]);
    expect(linesOf(report)).toEqual([
      "delivered (success, final)",
      `  message mm-1@mmsc.example.net, transaction tx-1@mmsc.example.net, event ${entry.ids.eventId}`,
      "  would read today: no event (no-status)",
    ]);
  });

  test("when what was kept in quarantine or ignored makes an event now", async () => {
    const entry = reported({}, "j1");
    const ids = { ...entry.ids, eventId: null, numbers: [] };
    const kept = await shown({ ...entry, ids, fate: { kind: "quarantined", reason: "internal-error" } });
    expect(kept.notes).toMatchObject([{ quarantineId: "j1", fate: "kept in quarantine as j1 (internal-error)" }]);
    expect(linesOf(kept)).toEqual([
      "No event",
      "  message mm-1@mmsc.example.net, transaction tx-1@mmsc.example.net",
      `  would read today: delivered (success, final), event ${entry.ids.eventId}`,
    ]);
    const ignored = await shown({ ...entry, ids, fate: { kind: "ignored", messageType: "MM4_x.REQ" } });
    expect(ignored.notes).toMatchObject([{ quarantineId: null, fate: "MM4_x.REQ is accepted, and makes no event" }]);
    expect(today(ignored).length).toBe(1);
  });

  test("but not when it makes none either, because its body is not kept", async () => {
    const entry = reported({}, "j1");
    const header = headerIn(Buffer.from(message({ From: "+12025550155", Subject: "x" })).toString("latin1"));
    const ids = { ...entry.ids, eventId: null, numbers: [] };
    const report = await shown({ ...entry, header, ids, fate: { kind: "quarantined", reason: "type-outside-header" } });
    expect([report.event, report.today]).toEqual([null, null]);
  });
});

test("a header that was cut gives what is known of the event, and is not compared", async () => {
  const long = { ...KIM, "X-Mms-Note": "x".repeat(MAX_HEADER_LENGTH) };
  const entry = reported(long, "j1");
  expect(entry.header.length).toBe(MAX_HEADER_LENGTH);
  const report = await shown(entry, readingBy({ nanp: true }));
  expect(report.event).toMatchObject({
    id: entry.ids.eventId,
    data: { recipient: { number: "+12025550155" }, messageId: "mm-1@mmsc.example.net" },
  });
  expect(report.today).toEqual({ kind: "header-cut" });
  expect(today(report)).toEqual([
    "  not compared with what it would read today: of its header only the first 4096 bytes are kept",
  ]);
  // A number behind the cut is masked all the same where an id has it.
  const { From: _, ...others } = {
    ...KIM,
    "X-Mms-Note": "x".repeat(MAX_HEADER_LENGTH),
    "X-Mms-Message-ID": "m-12025550155",
  };
  const behind = await shown(reported({ From: undefined, ...others, from: KIM.From }, "j1"));
  expect([behind.event?.data.recipient, behind.ids.numbers]).toEqual([null, ["12025550155"]]);
  const page = told(behind, { numbers: "masked", loggedIn: true, queue: "events", address: "/reports/x" }).toString();
  expect(`${page} ${JSON.stringify(tellReport(behind, "masked"))} ${headerOf(behind, "masked")}`).not.toContain(
    "5550155",
  );
  // One byte less is whole.
  const room =
    MAX_HEADER_LENGTH - 1 - headerIn(Buffer.from(deliveryReport({ ...KIM, "X-Mms-Note": "" })).toString()).length;
  const whole = await shown(reported({ ...KIM, "X-Mms-Note": "x".repeat(room) }, "j1"));
  expect([whole.today, whole.event?.data.raw["X-Mms-Note"]]).toEqual([null, "x".repeat(room)]);
});

test("a fault of ours in reading is shown, and everything else is told", async () => {
  const fails: TraceReading = {
    ...readingBy(),
    read: () => {
      throw new TypeError("x is not a function, for +12025550155");
    },
  };
  const report = await shown(reported(KIM, "j1"), fails);
  expect([report.event, report.today?.kind, report.notes.length]).toEqual([null, "fault", 2]);
  expect(tellReport(report, "masked").headline).toEqual([
    "delivered (success, final)",
    expect.stringContaining("message mm-1@mmsc.example.net"),
    "  would read today: nothing, by a fault of mm4d: x is not a function, for +*******0155",
  ]);
});

test("a reply that could not be sent is told of the copy that it was for", async () => {
  const [first, second] = [reported(KIM, "j1"), reported(KIM, "j2", { became: { duplicateOf: "j1" } })];
  const { notes } = await expanded([first, second], new Set(["j2"]), readingBy());
  expect(notes.map((note) => ("answered" in note ? note.answered : undefined))).toEqual([
    undefined,
    undefined,
    false,
    undefined,
  ]);
});
