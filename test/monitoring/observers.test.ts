import { describe, expect, test } from "vitest";
import type { Fate } from "../../src/delivery/fate.ts";
import { fateOf } from "../../src/flow/fate-of.ts";
import type { Observer } from "../../src/flow/observer.ts";
import type { Room } from "../../src/flow/room.ts";
import { JournalFullError } from "../../src/journal/fault.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { countMessages } from "../../src/monitoring/count-messages.ts";
import { createLog } from "../../src/monitoring/log.ts";
import { logMessages } from "../../src/monitoring/log-messages.ts";
import { createMetrics } from "../../src/monitoring/metrics.ts";
import { NOTHING_OBSERVED } from "../../src/monitoring/observed.ts";
import { tellEach } from "../../src/monitoring/observers.ts";
import { createTraffic, type Traffic, trafficOfMessages } from "../../src/monitoring/traffic.ts";
import { replyToAccepted } from "../../src/smtp/reply-to.ts";
import type { TraceEntry } from "../../src/trace/entry.ts";
import { traceMessages } from "../../src/trace/fate-note.ts";
import { acceptInto, listening, receivedFrom } from "../support/accept.ts";
import { ROOM, readRecords } from "../support/drain.ts";
import { readingBy } from "../support/notes.ts";
import { deliveryReport } from "../support/report.ts";

const UNREADABLE = Buffer.from("X-Mms-Message-Type: MM4_delivery_report.REQ\r\n\r\n");
const OTHER_PDU = Buffer.from("X-Mms-Message-Type: MM4_forward.REQ\r\n\r\n");
const NO_MM4 = Buffer.from("Subject: hello\r\n\r\n");
const NOT_STORED = "message.not-stored";

/** What each recorder has told since it was looked at last. */
interface Recorded {
  readonly observer: Observer;
  readonly traffic: Traffic;
  /** The events of its lines. */
  readonly logged: () => string;
  readonly lines: Readonly<Record<string, unknown>>[];
  /** The counters that count something, each with its sum. */
  readonly counted: () => Promise<Readonly<Record<string, number>>>;
  readonly traced: () => string;
}

function record(): Recorded {
  const entries: TraceEntry[] = [];
  const lines: Record<string, unknown>[] = [];
  const metrics = createMetrics(NOTHING_OBSERVED);
  const traffic = createTraffic();
  const log = createLog({
    level: "debug",
    numbers: "full",
    process: null,
    to: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const trace = traceMessages({
    write: (entry) => entries.push(entry),
    reading: readingBy(),
    replyTo: replyToAccepted,
  });
  const observer = tellEach([trace, trafficOfMessages(traffic), countMessages(metrics), logMessages(log)], (cause) => {
    throw cause;
  });
  let told = 0;
  return {
    observer,
    traffic,
    lines,
    logged() {
      const events = lines.slice(told).map(({ event }) => event);
      told = lines.length;
      return events.join(" ");
    },
    async counted() {
      const found: Record<string, number> = {};
      for (const [, name = "", count] of (await metrics.registry.metrics()).matchAll(
        /^mm4d_(\w+)_total\{.*\} (\d+)$/gm,
      ))
        found[name] = (found[name] ?? 0) + Number(count);
      return found;
    },
    traced: () =>
      entries
        .splice(0)
        .map(({ kind }) => kind)
        .join(" "),
  };
}

/** What becomes of the only record when it is drained. */
function drained([record]: readonly JournalRecord[], earlierJob: string | null = null): Fate {
  if (!record) throw new Error("Nothing is stored");
  const ready = readRecords(record, 0);
  return fateOf(ready, ready.job === null ? null : { earlierJob });
}

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
    { kind: "ignored", id: "j1", read: null },
    { kind: "ignored", id: "j2", read: null },
  ]);
  expect(told.splice(0)).toEqual(["first became ignored,ignored", "broken", "last became ignored,ignored"]);
  observer.accepted([]);
  observer.refused([]);
  observer.answered([]);
  expect(told.map((line) => line.trim())).toEqual(
    ["accepted", "refused", "answered"].flatMap((what) => [`first ${what}`, "broken", `last ${what}`]),
  );
});

test("a report is counted at its 250, and by what it says once it is on the queue, once", async () => {
  const stored: JournalRecord[] = [];
  const { observer, traffic, counted, logged, traced, lines } = record();
  const bytes = deliveryReport({ "X-Internal-Status-Code": "333", "X-Mms-MM-Status-Code": "Rejected" });
  const { onAnswered } = await acceptInto(stored, { observer })(receivedFrom(bytes));
  onAnswered(true);
  // Redis may be away for hours now.
  expect(await counted()).toEqual({ accepted: 1 });
  expect(traffic.lastMinute()).toBe(1);
  expect(traffic.byPeer().get("carrier")).toMatchObject({ accepted: 1, reports: 0, lastAt: expect.any(Date) });
  expect([logged(), traced()]).toEqual(["report.stored", ""]);
  expect(lines[0]).toMatchObject({ sessionId: "s1", peer: "carrier", id: "j0", bytes: bytes.length });

  observer.became([drained(stored)]);
  const said = { accepted: 1, reports: 1, codes: 1, unknown_codes: 1, published: 1 };
  expect(await counted()).toEqual(said);
  expect(traffic.lastMinute()).toBe(1);
  expect(traffic.byPeer().get("carrier")).toMatchObject({ accepted: 1, reports: 1, failures: 1, unlistedCodes: 1 });
  expect([logged(), traced()]).toEqual(["code.unknown report.published", "report"]);
  expect(lines.at(-1)).toMatchObject({ sessionId: "s1", jobId: "j0", code: 333 });

  // The relay sends it again.
  observer.became([drained(stored, "j0")]);
  expect(await counted()).toEqual({ ...said, reports: 2, codes: 2, unknown_codes: 2, duplicates: 1 });
  expect(logged()).toBe("report.duplicate");
});

test("of what was told before it was stored only what is new is told: by 1.0.0, or by a person who replays it", async () => {
  const stored: JournalRecord[] = [];
  await acceptInto(stored)(receivedFrom(deliveryReport({ "X-Internal-Status-Code": "333" })));
  const { observer, traffic, counted, logged, lines } = record();
  observer.became([
    { ...drained(stored), read: null },
    { ...drained(stored, "j7"), read: null },
  ]);
  expect(await counted()).toEqual({ published: 1, duplicates: 1 });
  expect(traffic.byPeer().get("carrier")).toMatchObject({ accepted: 0, reports: 0, duplicates: 1, lastAt: null });
  expect(logged()).toBe("report.published report.duplicate");
  expect(lines[0]).toMatchObject({ sessionId: null });
});

describe("each recorder is told once, by what becomes of a message", () => {
  const full: Room = { has: () => false, promised() {}, broken() {} };
  const rooms = { quarantine: ROOM, bounces: ROOM, aside: { has: (): boolean => true } };
  const shareFull = { journal: { append: () => Promise.reject(new JournalFullError("full", "carrier")) } };
  const accepted = { accepted: 1 };
  test.each([
    {
      what: "stored",
      bytes: deliveryReport(),
      options: {},
      at250: ["report.stored", "", accepted],
      behind: ["report.published", "report", { ...accepted, reports: 1, published: 1 }],
    },
    {
      what: "stored, and contradicts itself",
      bytes: deliveryReport({ "X-Mms-MM-Status-Code": "Retrieved", "X-Internal-Status-Code": "470" }),
      options: {},
      at250: ["report.stored", "", accepted],
      behind: [
        "report.conflict report.published",
        "report",
        { ...accepted, reports: 1, codes: 1, conflicts: 1, published: 1 },
      ],
    },
    {
      what: "quarantined",
      bytes: UNREADABLE,
      options: {},
      at250: ["message.accepted", "", accepted],
      behind: ["message.quarantined", "report", { ...accepted, quarantined: 1 }],
    },
    {
      what: "ignored, and not stored",
      bytes: OTHER_PDU,
      options: {},
      at250: ["message.accepted message.ignored", "report", { ...accepted, other_pdus: 1 }],
      behind: null,
    },
    { what: "refused", bytes: NO_MM4, options: {}, at250: ["message.refused", "", {}], behind: null },
    {
      what: "quarantine full",
      bytes: UNREADABLE,
      options: { rooms: { ...rooms, quarantine: full } },
      at250: [NOT_STORED, "received", { quarantine_full: 1, not_stored: 1 }],
      behind: null,
    },
    {
      what: "as much waits aside as may",
      bytes: deliveryReport(),
      options: { rooms: { ...rooms, aside: { has: (): boolean => false } } },
      at250: [NOT_STORED, "received", { quarantine_full: 1, not_stored: 1 }],
      behind: null,
    },
    {
      what: "journal share full",
      bytes: deliveryReport(),
      options: { store: shareFull },
      at250: [NOT_STORED, "received", { not_stored: 1 }],
      behind: null,
    },
  ])("$what", async ({ bytes, options, at250, behind }) => {
    const stored: JournalRecord[] = [];
    const { observer, counted, logged, traced } = record();
    const { onAnswered } = await acceptInto(stored, { observer, ...options })(receivedFrom(bytes));
    onAnswered(true);
    expect([logged(), traced(), await counted()]).toEqual(at250);
    expect(stored.length).toBe(behind === null ? 0 : 1);
    if (behind === null) return;
    observer.became([drained(stored)]);
    expect([logged(), traced(), await counted()]).toEqual(behind);
  });
});

test("a message that is known by its 250 to be no report is no sign of life of a peer's reports", async () => {
  const { observer, traffic } = record();
  const accept = acceptInto([], { observer });
  await accept(receivedFrom(UNREADABLE));
  await accept(receivedFrom(OTHER_PDU));
  expect([traffic.lastMinute(), traffic.byPeer().get("carrier")]).toEqual([0, undefined]);
});

test("what waits aside is a gauge, and a line when it begins and one when it is over", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", numbers: "masked", process: null, to: { write: (line) => lines.push(line) } });
  log.waitsAside({ peer: "carrier", messages: 1, bytes: 2_000 });
  log.waitsAsideOver("carrier");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: "error", event: "quarantine.waits-aside", peer: "carrier", messages: 1, bytes: 2_000 },
    { level: "info", event: "quarantine.waits-aside-over", peer: "carrier" },
  ]);
  const { registry } = createMetrics({ ...NOTHING_OBSERVED, aside: () => ({ records: 3, bytes: 6_000 }) });
  expect(await registry.metrics()).toMatch(/^mm4d_journal_aside_records 3$/m);
});
