import { describe, expect, test } from "vitest";
import type { Room } from "../../src/flow/accept.ts";
import { fateOf } from "../../src/flow/fate-of.ts";
import type { Observer } from "../../src/flow/observer.ts";
import { JournalFullError } from "../../src/journal/fault.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { createLog } from "../../src/monitoring/log.ts";
import { logMessages } from "../../src/monitoring/log-messages.ts";
import { countMessages, createMetrics, NOTHING_OBSERVED } from "../../src/monitoring/metrics.ts";
import { tellEach } from "../../src/monitoring/observers.ts";
import { createTraffic, trafficOfMessages } from "../../src/monitoring/traffic.ts";
import { traceMessages } from "../../src/trace/fate-note.ts";
import type { TraceNote } from "../../src/trace/note.ts";
import { acceptInto, listening, receivedFrom } from "../support/accept.ts";
import { deliveryReport } from "../support/report.ts";

const UNREADABLE = Buffer.from("X-Mms-Message-Type: MM4_delivery_report.REQ\r\n\r\n");
const OTHER_PDU = Buffer.from("X-Mms-Message-Type: MM4_forward.REQ\r\n\r\n");
const NO_MM4 = Buffer.from("Subject: hello\r\n\r\n");
const NOT_STORED = "message.not-stored";

test("observers are told in order, a list at a time; one that throws is told of, and stops no other", () => {
  const told: string[] = [];
  const throwing = (): never => {
    throw new Error("broken");
  };
  const broken: Observer = { accepted: throwing, refused: throwing, answered: throwing, became: throwing };
  const observer = tellEach([listening(told, "first "), broken, listening(told, "last ")], ({ message }) =>
    told.push(message),
  );
  observer.became([
    { kind: "ignored", id: "j1" },
    { kind: "ignored", id: "j2" },
  ]);
  expect(told.splice(0)).toEqual(["first became ignored,ignored", "broken", "last became ignored,ignored"]);
  observer.accepted([]);
  observer.refused([]);
  observer.answered([]);
  expect(told.map((line) => line.trim())).toEqual(
    ["accepted", "refused", "answered"].flatMap((what) => [`first ${what}`, "broken", `last ${what}`]),
  );
});

test("a report is counted and traced by what it says when it is accepted, and by what it became when it is queued", async () => {
  const stored: JournalRecord[] = [];
  const notes: TraceNote[] = [];
  const faults: Error[] = [];
  const metrics = createMetrics(NOTHING_OBSERVED);
  const traffic = createTraffic();
  const observer = tellEach(
    [traceMessages((note) => notes.push(note)), trafficOfMessages(traffic), countMessages(metrics)],
    (cause) => faults.push(cause),
  );
  const accept = acceptInto(stored, { observer });
  const { onAnswered } = await accept(receivedFrom(deliveryReport()));
  onAnswered(true);
  const [record] = stored;
  if (!record) throw new Error("It is stored");
  observer.became([fateOf(record, { earlierJob: null }), fateOf(record, { earlierJob: "j0" })]);
  expect(faults).toEqual([]);
  expect(notes.map(({ kind }) => kind)).toEqual(["received", "queued", "queued"]);
  expect(notes.map((note) => ("duplicateOf" in note ? note.duplicateOf : undefined))).toEqual([undefined, null, "j0"]);
  expect(traffic.byPeer().get("carrier")).toMatchObject({ reports: 1, duplicates: 1 });
  const lines = (await metrics.registry.metrics()).split("\n");
  for (const name of ["mm4d_reports_total", "mm4d_published_total", "mm4d_duplicates_total"])
    expect(lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.split(" ").at(-1))).toEqual(["1"]);
});

describe("each recorder is told once, by what becomes of a message", () => {
  const full: Room = { has: () => false, promised() {}, broken() {} };
  const room: Room = { has: () => true, promised() {}, broken() {} };
  const shareFull = { journal: { append: () => Promise.reject(new JournalFullError("full", "carrier")) } };
  test.each([
    ["stored", deliveryReport(), {}, "report.stored", "mm4d_reports_total", "received"],
    ["quarantined", UNREADABLE, {}, "message.quarantined", "mm4d_quarantined_total", "received"],
    ["ignored", OTHER_PDU, {}, "message.ignored", "mm4d_other_pdus_total", "received"],
    ["refused", NO_MM4, {}, "message.refused", "", ""],
    [
      "quarantine full",
      UNREADABLE,
      { rooms: { quarantine: full, bounces: room } },
      NOT_STORED,
      "mm4d_quarantine_full_total mm4d_not_stored_total",
      "received",
    ],
    ["journal share full", deliveryReport(), { store: shareFull }, NOT_STORED, "mm4d_not_stored_total", "received"],
  ])("%s", async (_what, bytes, options, events, counters, traced) => {
    const notes: TraceNote[] = [];
    const lines: string[] = [];
    const metrics = createMetrics(NOTHING_OBSERVED);
    const log = createLog({
      level: "debug",
      numbers: "full",
      process: null,
      to: { write: (line) => lines.push(line) },
    });
    const observer = tellEach(
      [traceMessages((note) => notes.push(note)), countMessages(metrics), logMessages(log)],
      (cause) => {
        throw cause;
      },
    );
    const { onAnswered } = await acceptInto([], { observer, ...options })(receivedFrom(bytes));
    onAnswered(true);
    expect(lines.map((line) => JSON.parse(line).event).join(" ")).toBe(events);
    expect(notes.map(({ kind }) => kind).join(" ")).toBe(traced);
    const counted = (await metrics.registry.metrics())
      .split("\n")
      .filter((line) => /^mm4d_\w+_total\{.*\} 1$/.test(line));
    expect(
      counted
        .map((line) => line.replace(/\{.*/, ""))
        .sort()
        .join(" "),
    ).toBe(counters.split(" ").sort().join(" "));
  });
});
