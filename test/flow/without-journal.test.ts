/** MM4D_ACCEPT=queue: what waits goes together, each record once. */
import { expect, test } from "vitest";
import type { TiedBounce } from "../../src/delivery/bounced.ts";
import type { Room } from "../../src/flow/room.ts";
import { createQueueStore } from "../../src/flow/without-journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { acceptInto, receivedFrom } from "../support/accept.ts";
import { ROOM, readRecords } from "../support/drain.ts";
import { recordOf } from "../support/journal.ts";
import { deliveryReport } from "../support/report.ts";

const TIED: TiedBounce = {
  peer: "carrier",
  bounce: { action: "failed", status: null, diagnostic: null, receivedAt: "2026-01-02T03:04:05.678Z" },
  action: "failed",
  id: null,
  acknowledgement: null,
  untied: "it names none of ours",
};
/** Only reading shows that it is more than an event may hold. */
const TOO_LARGE = deliveryReport({ "X-Mms-Message-ID": "m".repeat(5_000) });

test("what comes while calls are under way goes together, a bounce by itself, and each has its own end", async () => {
  const calls: string[][] = [];
  const became: string[] = [];
  const store = createQueueStore({
    read: readRecords,
    quarantine: ROOM,
    async publish(records) {
      calls.push(records.map(({ id }) => id));
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (records.some(({ id }) => id === "ja")) throw new Error("It breaks the call");
      return records.map(({ id, kind }) => {
        if (kind === "bounce") return TIED;
        return id === "jd" ? new Error("Refused") : { earlierJob: null };
      });
    },
    onBecame: (fates) => void became.push(...fates.map(({ id }) => id)),
    onTrouble: () => {},
    onRecovered: () => {},
    isRefusal: () => false,
  });
  const event = (id: string): JournalRecord => recordOf(id, { kind: "event", text: "x" });
  const bounce = recordOf("jz", { kind: "bounce", text: "x" });
  const records = [...["ja", "jb", "jc", "jd"].map(event), bounce, event("je")];
  const ends = await Promise.allSettled(records.map((record) => store.append(record)));
  expect(calls).toEqual([["ja"], ["jb"], ["jc", "jd"], ["jz"], ["je"]]);
  const statuses = ends.map(({ status }) => status);
  expect(statuses).toEqual(["rejected", "fulfilled", "fulfilled", "rejected", "fulfilled", "fulfilled"]);
  await new Promise(setImmediate);
  expect(became).toEqual(["jb", "jc", "jz", "je"]);
});

test("what only reading shows to be unreadable is answered 451 where the quarantine has no room, and is no trouble", async () => {
  const told: string[] = [];
  let has = false;
  const quarantine: Room = {
    has: () => has,
    promised: (id) => void told.push(`${id} promised`),
    broken: (id) => void told.push(`${id} broken`),
  };
  const published: string[] = [];
  let result: Error | { earlierJob: null } = { earlierJob: null };
  const queue = createQueueStore({
    read: readRecords,
    quarantine,
    async publish(records) {
      published.push(...records.map(({ kind }) => kind));
      return records.map(() => result);
    },
    onBecame: (fates) => void told.push(...fates.map(({ kind }) => kind)),
    onTrouble: ({ message }) => void told.push(message),
    onRecovered: () => {},
    isRefusal: () => false,
  });
  const accept = acceptInto([], { store: { queue } });
  expect((await accept(receivedFrom(TOO_LARGE))).reply.code).toBe(451);
  expect([published, told]).toEqual([[], []]);

  has = true;
  expect((await accept(receivedFrom(TOO_LARGE))).reply.code).toBe(250);
  result = new Error("Redis is away");
  expect((await accept(receivedFrom(TOO_LARGE))).reply.code).toBe(451);
  await new Promise(setImmediate);
  expect(published).toEqual(["quarantine", "quarantine"]);
  expect(told).toEqual(["j0 promised", "j0 promised", "j0 broken", "Redis is away", "quarantined"]);
});
