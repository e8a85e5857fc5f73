/** What the trace keeps of what it is told as an observer. */
import { expect, test } from "vitest";
import type { ReceivedMessage } from "../../src/delivery/accepted.ts";
import type { AcceptedMessage, Fate } from "../../src/delivery/fate.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import { fateOf } from "../../src/flow/fate-of.ts";
import { createReadRecords } from "../../src/flow/ready.ts";
import { sort } from "../../src/flow/sort.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { replyTo, replyToAccepted } from "../../src/smtp/reply-to.ts";
import { entryIn, lineOf, type ReportEntry, type TraceEntry } from "../../src/trace/entry.ts";
import { traceMessages } from "../../src/trace/fate-note.ts";
import { findTrace } from "../../src/trace/find.ts";
import { MAX_HEADER_LENGTH } from "../../src/trace/note.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { READING_RULES, readingBy } from "../support/notes.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf, message, PEER } from "../support/report.ts";

const own = useRedis();

const acknowledging = { systemAddress: "us@mms.example.net", canSend: () => true };
const readRecord = createReadRecords({ reading: () => READING_RULES, acknowledging });
const RULES = { ...ORDINARY_PEER, nanp: true };
const RECEIVED_AT = "2026-01-02T03:04:05.678Z";

function recording() {
  const entries: TraceEntry[] = [];
  const recorder = traceMessages({
    write: (entry) => entries.push(entry),
    reading: readingBy(),
    replyTo: replyToAccepted,
  });
  return { entries, ...(recorder as Required<typeof recorder>) };
}

function receivedOf(bytes: Uint8Array, { mailFrom = "mmsc@carrier.example", at = RECEIVED_AT } = {}): ReceivedMessage {
  const acknowledge = { mode: "off", host: null, to: null } as const;
  const peer = { identity: PEER, entry: { rules: RULES, acknowledge } };
  return { sessionId: "s1", peer, mailFrom, bytes, receivedAt: new Date(at) };
}

/** A message as the flow takes it in, and what becomes of it. */
function taken(bytes: Uint8Array, id: string, given?: { mailFrom?: string; at?: string }) {
  const received = receivedOf(bytes, given);
  const sorted = sort(received, READING_RULES, acknowledging.systemAddress);
  if (sorted.recognised === null) throw new Error("It is refused");
  const record: JournalRecord =
    sorted.recognised === "bounce"
      ? { id, kind: "bounce", message: sorted.bounce }
      : { id, kind: "message", message: sorted.said };
  const handled: AcceptedMessage = { message: received, tookMs: 2.34, id, recognised: sorted.recognised };
  return {
    handled,
    answer: (handed: boolean) => ({ handled, reply: replyTo(handled), handed }),
    fate: (earlierJob: string | null = null): Fate =>
      fateOf(readRecord(record, 0), record.kind === "message" ? { earlierJob } : TIED),
  };
}
const TIED = { bounce: { action: "failed", status: null, diagnostic: null, receivedAt: "" }, to: null } as never;

test("a report has one entry, once it is known what became of it", () => {
  const { entries, accepted, answered, became } = recording();
  const bytes = deliveryReport({ From: "2025550155" });
  const [first, again] = [taken(bytes, "j1"), taken(bytes, "j2")];
  accepted([first.handled, again.handled]);
  answered([first.answer(true)]);
  expect(entries).toEqual([]);
  became([first.fate(), again.fate("j1")]);
  answered([again.answer(true)]);
  const event = eventOf(bytes, RULES);
  const ordinary = {
    kind: "report",
    at: RECEIVED_AT,
    id: "j1",
    sessionId: "s1",
    peer: PEER,
    rules: RULES,
    mailFrom: "mmsc@carrier.example",
    bytes: bytes.length,
    tookMs: 2.34,
    reply: "250 2.0.0 Report stored",
    header: Buffer.from(bytes).toString("latin1").trimEnd(),
    fate: { kind: "queued", at: expect.any(String), event: expect.objectContaining({ eventId: event.id }) },
    ids: {
      eventId: event.id,
      messageId: "mm-1@mmsc.example.net",
      transactionId: "tx-1@mmsc.example.net",
      numbers: ["12025550155"],
    },
  };
  const duplicate = { ...ordinary.fate, kind: "duplicate", of: "j1" };
  expect(entries).toEqual([ordinary, { ...ordinary, id: "j2", fate: duplicate }]);
  // As it is written: nothing twice, and nothing ordinary.
  const { fate: _, header: __, ...line } = JSON.parse(lineOf(entries[0] as ReportEntry));
  const { helo, name, address } = PEER;
  expect(line).toEqual({
    ...Object.fromEntries(
      Object.entries(ordinary).filter(([property]) => property !== "fate" && property !== "header"),
    ),
    peer: { name, address, helo },
    rules: { nanp: true },
    tookMs: 2.3,
  });
});

test.each([
  [
    "in conflict",
    deliveryReport({ "X-Internal-Status-Code": "470" }),
    { fate: { kind: "queued", event: { conflict: true, code: 470 } } },
  ],
  [
    "in quarantine",
    deliveryReport({ "X-Mms-MM-Status-Code": undefined }),
    { reply: "250 2.0.0 Message stored for inspection", fate: { kind: "quarantined", reason: "no-status" } },
  ],
  [
    "ignored",
    deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ" }),
    { reply: "250 2.0.0 Message accepted, not queued", fate: { kind: "ignored", messageType: "MM4_forward.REQ" } },
  ],
  [
    "with a header of which not all is kept",
    deliveryReport({ "X-Mms-Note": "x".repeat(MAX_HEADER_LENGTH) }),
    { header: expect.stringMatching(/^[\s\S]{4096}$/) },
  ],
])("%s", (_what, bytes, expected) => {
  const { entries, accepted, became } = recording();
  const one = taken(bytes, "j1");
  accepted([one.handled]);
  became([one.fate()]);
  expect(entries).toMatchObject([{ kind: "report", ids: { messageId: "mm-1@mmsc.example.net" }, ...expected }]);
  expect(entryIn(lineOf(entries[0] as ReportEntry))).toEqual({ ...entries[0], tookMs: 2.3 });
});

test("nothing is kept of a bounce, and of what is refused for good", () => {
  const { entries, accepted, answered, became } = recording();
  const type = 'multipart/report; report-type="delivery-status"; boundary=b';
  const bounce = taken(message({ "Content-Type": type }), "j1", { mailFrom: "" });
  expect(bounce.handled.recognised).toBe("bounce");
  accepted([bounce.handled]);
  answered([bounce.answer(false)]);
  became([bounce.fate()]);
  const noMm4 = {
    message: receivedOf(message({ Subject: "x" })),
    tookMs: 1,
    refused: { kind: "refused", problem: { kind: "not-mm4" } },
  } as const;
  answered([{ handled: noMm4, reply: replyTo(noMm4), handed: true }]);
  expect(entries).toEqual([]);
});

test.each([true, false])("what could not be stored is kept when it is answered, or could not be: %s", (handed) => {
  const { entries, answered } = recording();
  const handled = {
    message: receivedOf(deliveryReport()),
    tookMs: 1,
    refused: { kind: "not-stored", cause: new Error("the disk is full"), lack: null },
  } as const;
  answered([{ handled, reply: replyTo(handled), handed }]);
  expect(entries).toEqual([
    {
      kind: "received",
      at: RECEIVED_AT,
      quarantineId: null,
      sessionId: "s1",
      peer: PEER,
      mailFrom: "mmsc@carrier.example",
      bytes: handled.message.bytes.length,
      tookMs: 1,
      reply: "451 4.3.0 Cannot store the report now, try again later",
      fate: "it could not be stored (the disk is full), and its relay comes again",
      header: Buffer.from(deliveryReport()).toString().trimEnd(),
      ids: {
        eventId: null,
        messageId: "mm-1@mmsc.example.net",
        transactionId: "tx-1@mmsc.example.net",
        numbers: [],
      },
      event: null,
      ...(handed ? {} : { answered: false }),
    },
  ]);
});

test.each(["before", "after"])(
  "a 250 that was lost is known where that is told %s what became of it",
  async (order) => {
    const trace = createTraceWriter({ place: own, hours: 72, maxBytes: 2 ** 24 });
    const { accepted, answered, became } = traceMessages({
      write: trace.write,
      reading: readingBy(),
      replyTo: replyToAccepted,
    }) as Required<ReturnType<typeof traceMessages>>;
    const bytes = deliveryReport({ "X-Mms-Message-ID": undefined });
    const [lost, again] = [taken(bytes, "j1"), taken(bytes, "j2", { at: "2026-01-02T03:04:07.000Z" })];
    accepted([lost.handled]);
    if (order === "before") answered([lost.answer(false)]);
    else became([lost.fate()]);
    await trace.flush();
    if (order === "before") became([lost.fate()]);
    else answered([lost.answer(false)]);
    accepted([again.handled]);
    answered([again.answer(true)]);
    became([again.fate("j1")]);
    await trace.flush();
    for (const name of ["tx-1@mmsc.example.net", "+12025550100", eventOf(bytes, RULES).id]) {
      const { reports } = await findTrace(own, "queue", name, readingBy());
      const received = reports.flatMap(({ notes }) => notes.filter((note) => note.kind === "received"));
      expect([name, reports.length, received.map(({ answered: said }) => said)]).toEqual([name, 1, [false, undefined]]);
    }
  },
);

test("what was read before it was stored is kept when it is queued, with its event, and never its arrival", () => {
  const { entries, became } = recording();
  const event = eventOf(deliveryReport());
  const raw = Buffer.from(deliveryReport()).toString("base64");
  const quarantined = { reason: "no-status", detail: null, peer: PEER, receivedAt: RECEIVED_AT, raw } as const;
  became([
    { kind: "queued", id: "j1", read: null, event },
    { kind: "duplicate", id: "j2", read: null, event, duplicateOf: "j1" },
    { kind: "quarantined", id: "j3", read: null, message: quarantined },
    { kind: "ignored", id: "j4", read: null },
  ]);
  expect(entries).toMatchObject([
    { kind: "queued", recordId: "j1", duplicateOf: null, event, ids: { eventId: event.id } },
    { kind: "queued", recordId: "j2", duplicateOf: "j1", event },
  ]);
});

test("how long a message took is known of ten thousand that wait, and of no more", () => {
  const { entries, accepted, became } = recording();
  const one = taken(deliveryReport(), "j0");
  for (let index = 0; index < 10_001; index++) accepted([{ ...one.handled, id: `j${index}` }]);
  for (const id of ["j0", "j1", "j10000", "j1"]) became([{ ...one.fate(), id }]);
  expect(entries.map((entry) => ("tookMs" in entry ? entry.tookMs : undefined))).toEqual([null, 2.34, 2.34, null]);
});

test("a fault of ours in reading costs names, and no entry", () => {
  const entries: TraceEntry[] = [];
  const fails = () => {
    throw new TypeError("x is not a function");
  };
  const reading = { read: fails, idsIn: fails, rulesOf: fails };
  const { answered } = traceMessages({ write: (entry) => entries.push(entry), reading, replyTo: replyToAccepted });
  answered?.([taken(deliveryReport(), "j1").answer(false)]);
  expect(entries).toMatchObject([{ kind: "unanswered", id: "j1", ids: { eventId: null, messageId: null } }]);
});
