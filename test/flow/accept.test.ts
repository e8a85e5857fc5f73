/** The first half of the flow, with nothing but itself: no process, no disk, no Redis. */
import { expect, test } from "vitest";
import type { AcceptedMessage, Fate, RefusedMessage } from "../../src/delivery/fate.ts";
import { leftUnread } from "../../src/flow/read.ts";
import { createReadRecords, jobOf } from "../../src/flow/ready.ts";
import type { Room } from "../../src/flow/room.ts";
import { createTurns } from "../../src/flow/turns.ts";
import { createQueueStore } from "../../src/flow/without-journal.ts";
import { JournalFullError } from "../../src/journal/fault.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { acceptInto, listening, receivedFrom } from "../support/accept.ts";
import { ACKNOWLEDGING, READING, ROOM, readRecords } from "../support/drain.ts";
import { deliveryReport } from "../support/report.ts";

const REPORT = deliveryReport({ "X-Mms-Ack-Request": "Yes" });
const UNREADABLE = deliveryReport({ "X-Mms-MM-Status-Code": undefined });
const FORWARD = deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ" });
const MAIL = Buffer.from("Subject: News\r\n\r\nBuy now\r\n");
const ROOMS = { quarantine: ROOM, bounces: ROOM, aside: { has: () => true } };

function roomOf(size: number, said: string[]): Room {
  return {
    has: () => size > 0,
    promised: (id, { peer }) => void said.push(`${id} of ${peer} promised`),
    broken: (id) => void said.push(`${id} broken`),
  };
}

function saidIn(record: JournalRecord | undefined) {
  if (record?.kind !== "message") throw new Error("It should be what was said");
  return record.message;
}

test("each message is stored as it was said, told of, and answered by what it was taken for", async () => {
  const stored: JournalRecord[] = [];
  const told: string[] = [];
  const accept = acceptInto(stored, { observer: listening(told) });
  for (const bytes of [REPORT, UNREADABLE, FORWARD, MAIL]) {
    const { reply, onAnswered } = await accept(receivedFrom(bytes));
    expect(reply.code).toBe(bytes === MAIL ? 554 : 250);
    onAnswered(bytes !== FORWARD);
  }
  expect(stored.map((record) => saidIn(record).recognised)).toEqual(["report", "unreadable"]);
  expect(saidIn(stored[0])).toMatchObject({
    sessionId: "s1",
    peer: { name: "carrier" },
    entry: { acknowledge: { mode: "auto" } },
    receivedAt: "2026-01-02T03:04:05.678Z",
    bytes: REPORT.length,
    said: Buffer.from(REPORT).toString("latin1"),
  });
  expect(told).toEqual([
    "accepted report",
    "answered 250 true",
    "accepted unreadable",
    "answered 250 true",
    "accepted other-pdu",
    "answered 250 false",
    "became ignored",
    "refused refused",
    "answered 554 true",
  ]);
});

test("of another PDU nothing is stored, or its header, where an acknowledgement may be asked for", async () => {
  const stored: JournalRecord[] = [];
  const became: Fate[] = [];
  const accept = acceptInto(stored, { observer: { became: (fates) => void became.push(...fates) } });
  const picture = Buffer.alloc(100_000, "picture ");
  const asking = deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ", "X-Mms-Ack-Request": "Yes" });
  for (const header of [FORWARD, asking]) {
    const { reply, onAnswered } = await accept(receivedFrom(Buffer.concat([header, picture])));
    expect(reply.code).toBe(250);
    onAnswered(true);
  }
  expect(stored).toHaveLength(1);
  const said = saidIn(stored[0]);
  expect(said.said).not.toContain("picture");
  expect(Buffer.from(asking).toString()).toContain(said.said);
  expect(said.bytes).toBe(asking.length + picture.length);
  const ids = { messageId: "mm-1@mmsc.example.net", transactionId: "tx-1@mmsc.example.net" };
  expect(became).toMatchObject([{ kind: "ignored", read: { finding: { messageType: "MM4_forward.REQ" }, ids } }]);
  expect(readRecords(stored[0] as JournalRecord, 0).job).toMatchObject({ kind: "acknowledgement" });
});

test("another PDU that a fault of ours keeps from being read is stored for a person to see, and told of when it is there", async () => {
  const stored: JournalRecord[] = [];
  const told: string[] = [];
  const accept = acceptInto(stored, {
    observer: listening(told),
    read: (record) => {
      if (record.kind !== "message") throw new Error("It should be what was said");
      const read = leftUnread(record.message, 3);
      return { record, read, job: jobOf(record, read) };
    },
  });
  (await accept(receivedFrom(FORWARD))).onAnswered(true);
  expect(stored.map((record) => saidIn(record).recognised)).toEqual(["other-pdu"]);
  expect(told).toEqual(["accepted other-pdu", "answered 250 true"]);
});

test("what is read behind its reply takes its turn, so that hundreds of them hold up nothing else", async () => {
  let nowMs = 0;
  const turn: (() => void)[] = [];
  const told: string[] = [];
  const accept = acceptInto([], {
    turns: createTurns(10, { nowMs: () => nowMs, nextTurn: (then) => void turn.push(then) }),
    observer: { answered: () => void told.push("answered"), became: () => void told.push("became") },
    read: (record, ends) => {
      nowMs += 30;
      return readRecords(record, ends);
    },
  });
  const answers = await Promise.all([1, 2, 3].map(() => accept(receivedFrom(FORWARD))));
  for (const { onAnswered } of answers) onAnswered(true);
  expect(told).toEqual(["answered", "became"]);
  turn.shift()?.();
  expect(told).toHaveLength(4);
  turn.shift()?.();
  expect(told).toHaveLength(6);
});

test("of a report's body as much is kept as a person may need, and of an unreadable message all", async () => {
  const stored: JournalRecord[] = [];
  const accept = acceptInto(stored);
  const body = Buffer.alloc(100_000, "b");
  for (const bytes of [REPORT, UNREADABLE]) await accept(receivedFrom(Buffer.concat([bytes, body])));
  const [report, unreadable] = stored.map(saidIn);
  expect(report?.said.length).toBeGreaterThanOrEqual(16_384);
  expect(report?.said.length).toBeLessThanOrEqual(16_384 + REPORT.length);
  expect(unreadable?.said.length).toBe(unreadable?.bytes);
});

test("what cannot be stored is answered 451, and gives its room back", async () => {
  const said: string[] = [];
  const refused: RefusedMessage[] = [];
  const cause = new JournalFullError("It is full", "carrier");
  const accept = acceptInto([], {
    store: { journal: { append: () => Promise.reject(cause) } },
    rooms: { ...ROOMS, quarantine: roomOf(1, said), bounces: roomOf(0, said) },
    observer: { refused: (messages) => void refused.push(...messages) },
  });
  for (const bytes of [REPORT, UNREADABLE]) expect((await accept(receivedFrom(bytes))).reply.code).toBe(451);
  expect(said).toEqual(["j0 of carrier promised", "j0 broken"]);
  const notStored = { kind: "not-stored", cause, lack: { of: "journal-share", peer: "carrier" } };
  expect(refused.map((one) => one.refused)).toEqual([notStored, notStored]);
});

test("a message for which its peer has no room is not stored, and tells which room", async () => {
  const stored: JournalRecord[] = [];
  const refused: RefusedMessage[] = [];
  const asked: string[] = [];
  const accept = acceptInto(stored, {
    rooms: {
      quarantine: roomOf(0, []),
      bounces: roomOf(0, []),
      aside: {
        has(peer) {
          asked.push(peer);
          return false;
        },
      },
    },
    observer: { refused: (messages) => void refused.push(...messages) },
  });
  for (const bytes of [UNREADABLE, REPORT]) expect((await accept(receivedFrom(bytes))).reply.code).toBe(451);
  const raw = Buffer.from(UNREADABLE).toString("base64").length;
  expect(refused.map((one) => one.refused)).toMatchObject([
    { lack: { of: "quarantine", bytes: raw } },
    { lack: { of: "quarantine" } },
  ]);
  expect(asked).toEqual(["carrier"]);
  expect(stored).toEqual([]);
  expect((await accept(receivedFrom(FORWARD))).reply.code).toBe(250);
});

test("nothing but recognising is done before the 250: no fault of reading is met there", async () => {
  const stored: JournalRecord[] = [];
  const accepted: AcceptedMessage[] = [];
  const accept = acceptInto(stored, {
    read: () => {
      throw new Error("It is not read here");
    },
    observer: { accepted: (messages) => void accepted.push(...messages) },
  });
  const { reply, onAnswered } = await accept(receivedFrom(REPORT));
  onAnswered(true);
  expect(reply.code).toBe(250);
  expect(accepted).toMatchObject([{ id: "j0", recognised: "report" }]);
});

test("a fault of ours in recognising it keeps the message whole, and reading says what it is", async () => {
  const stored: JournalRecord[] = [];
  const broken = {
    ...READING,
    decodeWords: () => {
      throw new Error("A fault of ours");
    },
  };
  const report = deliveryReport({ "X-Mms-Message-Type": "=?us-ascii?Q?MM4_delivery_report.REQ?=" });
  const { reply } = await acceptInto(stored, { reading: () => broken })(receivedFrom(report));
  expect(reply.code).toBe(250);
  expect(saidIn(stored[0])).toMatchObject({ recognised: "unreadable", said: Buffer.from(report).toString("latin1") });
  const read = createReadRecords({ reading: () => broken, acknowledging: ACKNOWLEDGING });
  expect(read(stored[0] as JournalRecord, 0).job).toMatchObject({ message: { reason: "internal-error" } });
});

test("without a journal the 250 waits for the second half, and each record is tried once", async () => {
  const told: string[] = [];
  const refusal = new Error("NOPERM");
  let tried = 0;
  const queue = createQueueStore({
    read: readRecords,
    quarantine: ROOM,
    async publish() {
      tried += 1;
      if (tried === 1) return [refusal];
      return [{ earlierJob: tried === 2 ? null : "first" }];
    },
    onBecame: listening(told).became,
    onTrouble: () => void told.push("trouble"),
    onRecovered: () => void told.push("recovered"),
    isRefusal: (cause) => cause === refusal,
  });
  const accept = acceptInto([], { store: { queue }, observer: listening(told) });
  expect((await accept(receivedFrom(REPORT))).reply.code).toBe(451);
  expect(queue.trouble()).toBe(refusal);
  for (let again = 0; again < 2; again += 1) {
    expect((await accept(receivedFrom(REPORT))).reply.code).toBe(250);
    await new Promise(setImmediate);
  }
  expect(queue.trouble()).toBeNull();
  expect(told).toEqual([
    "trouble",
    "refused not-stored",
    "recovered",
    "accepted report",
    "became queued",
    "recovered",
    "accepted report",
    "became duplicate",
  ]);
});
