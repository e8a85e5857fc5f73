/** The first half of the flow, with nothing but itself: no process, no disk, no Redis. */
import { expect, test } from "vitest";
import type { AcceptedMessage, RefusedMessage } from "../../src/delivery/fate.ts";
import type { Room } from "../../src/flow/accept.ts";
import { createQueueStore } from "../../src/flow/without-journal.ts";
import { JournalFullError } from "../../src/journal/fault.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { acceptInto, listening, receivedFrom } from "../support/accept.ts";
import { deliveryReport } from "../support/report.ts";

const REPORT = deliveryReport({ "X-Mms-Ack-Request": "Yes" });
const UNREADABLE = deliveryReport({ "X-Mms-MM-Status-Code": undefined });
const FORWARD = deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ" });
const MAIL = Buffer.from("Subject: News\r\n\r\nBuy now\r\n");

function roomOf(size: number, said: string[]): Room {
  return {
    has: () => size > 0,
    promised: (id, { peer }) => void said.push(`${id} of ${peer} promised`),
    broken: (id) => void said.push(`${id} broken`),
  };
}

test("each message is stored, told of, and answered by what it is", async () => {
  const stored: JournalRecord[] = [];
  const told: string[] = [];
  const accept = acceptInto(stored, { observer: listening(told) });
  for (const bytes of [REPORT, UNREADABLE, FORWARD, MAIL]) {
    const { reply, onAnswered } = await accept(receivedFrom(bytes));
    expect(reply.code).toBe(bytes === MAIL ? 554 : 250);
    onAnswered(bytes !== FORWARD);
  }
  expect(stored.map(({ kind }) => kind)).toEqual(["event", "quarantine"]);
  expect(stored[0]).toMatchObject({ acknowledgement: { peer: "carrier", requestStatus: "Ok" } });
  expect(told).toEqual([
    "accepted event",
    "answered 250 true",
    "accepted quarantine",
    "answered 250 true",
    "accepted ignored",
    "answered 250 false",
    "refused refused",
    "answered 554 true",
  ]);
});

test("what cannot be stored is answered 451, gives its room back, and is found by the ids that were read", async () => {
  const said: string[] = [];
  const refused: RefusedMessage[] = [];
  const cause = new JournalFullError("It is full", "carrier");
  const accept = acceptInto([], {
    store: { journal: { append: () => Promise.reject(cause) } },
    rooms: { quarantine: roomOf(1, said), bounces: roomOf(0, said) },
    observer: { refused: (messages) => void refused.push(...messages) },
  });
  for (const bytes of [REPORT, UNREADABLE]) expect((await accept(receivedFrom(bytes))).reply.code).toBe(451);
  expect(said).toEqual(["j0 of carrier promised", "j0 broken"]);
  const notStored = { kind: "not-stored", cause, lack: { of: "journal-share", peer: "carrier" } };
  expect(refused.map((one) => one.refused)).toEqual([notStored, notStored]);
  const ids = { messageId: "mm-1@mmsc.example.net", transactionId: "tx-1@mmsc.example.net" };
  expect(refused.map((one) => one.ids)).toEqual([ids, ids]);
});

test("a message for which its peer has no room is not stored, and tells which room", async () => {
  const stored: JournalRecord[] = [];
  const refused: RefusedMessage[] = [];
  const accept = acceptInto(stored, {
    rooms: { quarantine: roomOf(0, []), bounces: roomOf(0, []) },
    observer: { refused: (messages) => void refused.push(...messages) },
  });
  expect((await accept(receivedFrom(UNREADABLE))).reply.code).toBe(451);
  expect(refused[0]?.refused).toMatchObject({ lack: { of: "quarantine" } });
  expect(stored).toEqual([]);
});

test("a fault of ours keeps the message, answers 250, and knows its ids", async () => {
  const stored: JournalRecord[] = [];
  const accepted: AcceptedMessage[] = [];
  const broken = { catalogue: null, decodeWords: () => "", headerLimits: { bytes: 65_536, fields: 1_000 }, source: "" };
  const accept = acceptInto(stored, {
    reading: () => broken as never,
    observer: { accepted: (messages) => void accepted.push(...messages) },
  });
  expect((await accept(receivedFrom(REPORT))).reply.code).toBe(250);
  expect(stored).toMatchObject([{ kind: "quarantine", message: { reason: "internal-error" } }]);
  expect(accepted).toMatchObject([{ id: "j0", ids: { messageId: "mm-1@mmsc.example.net" } }]);
});

test("without a journal the 250 waits for the queue, and each record is tried once", async () => {
  const told: string[] = [];
  const refusal = new Error("NOPERM");
  let tried = 0;
  const queue = createQueueStore({
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
  for (let again = 0; again < 2; again += 1) expect((await accept(receivedFrom(REPORT))).reply.code).toBe(250);
  expect(queue.trouble()).toBeNull();
  expect(told).toEqual([
    "trouble",
    "refused not-stored",
    "recovered",
    "became queued",
    "accepted event",
    "recovered",
    "became duplicate",
    "accepted event",
  ]);
});
