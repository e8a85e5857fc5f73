/** MM4D_ACCEPT=queue: what waits goes together, each record once. */
import { expect, test } from "vitest";
import { createQueueStore } from "../../src/flow/without-journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { recordOf } from "../support/journal.ts";

test("what comes while calls are under way goes together, a bounce by itself, and each has its own end", async () => {
  const calls: string[][] = [];
  const became: string[] = [];
  const store = createQueueStore({
    async publish(records) {
      calls.push(records.map(({ id }) => id));
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (records.some(({ id }) => id === "ja")) throw new Error("It breaks the call");
      return records.map(({ id }) => (id === "jd" ? new Error("Refused") : { earlierJob: null }));
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
  // The bounce's end is what tying gives, which this publish does not.
  const statuses = ends.filter((_, index) => records[index] !== bounce).map(({ status }) => status);
  expect(statuses).toEqual(["rejected", "fulfilled", "fulfilled", "rejected", "fulfilled"]);
  expect(became).toEqual(["jb", "jc", "je"]);
});
