/** One call: what came of each record, and that whoever is told of it cannot undo it. */
import { expect, test } from "vitest";
import { createPublishing, type Try } from "../../src/flow/publishing.ts";
import type { ReadRecord } from "../../src/journal/record.ts";
import { recordOf } from "../support/journal.ts";

const AWAY = new Error("Redis is away");
const recordWith = (id: string) => recordOf(id, { kind: "event", text: "x" }) as ReadRecord;
const tryOf = (id: string, again = false, record = recordWith(id), job: ReadRecord | null = record): Try => ({
  ready: { record, read: null, job },
  again,
  start: again ? undefined : { segment: 1, offset: 0 },
  bytes: 1,
  alone: false,
});

test("each record has its own end, those that are published are told of once, those published again are only counted", async () => {
  const told: unknown[] = [];
  const publishing = createPublishing<string>({
    publish: async (records) => records.map(({ id }) => (id === "jb" ? AWAY : `job of ${id}`)),
    onPublished: (done) => void told.push(done.map(({ record, published }) => [record.id, published])),
    onPublishedAgain: (count) => void told.push(count),
    onFault: () => expect.unreachable(),
  });
  expect(await publishing.publish([tryOf("ja"), tryOf("jb"), tryOf("jc", true)])).toEqual([null, AWAY, null]);
  expect(told).toEqual([1, [["ja", "job of ja"]]]);
  expect(publishing.published()).toBe(2);
});

test("a call that is rejected is an error of each", async () => {
  const publishing = createPublishing<string>({
    publish: () => Promise.reject(AWAY),
    onPublished: () => expect.unreachable(),
    onPublishedAgain: () => expect.unreachable(),
    onFault: () => expect.unreachable(),
  });
  expect(await publishing.publish([tryOf("ja"), tryOf("jb")])).toEqual([AWAY, AWAY]);
  expect(publishing.published()).toBe(0);
});

test("whatever is thrown by those who are told, the records are published, and it is told", async () => {
  const faults: string[] = [];
  const fail = (): never => {
    throw new Error("A fault of ours");
  };
  const publishing = createPublishing<string>({
    publish: async (records) => records.map(({ id }) => id),
    onPublished: fail,
    onPublishedAgain: fail,
    onFault: ({ message }) => void faults.push(message),
  });
  expect(await publishing.publish([tryOf("ja"), tryOf("jb", true)])).toEqual([null, null]);
  expect(faults).toEqual(["A fault of ours"]);
  expect(publishing.published()).toBe(2);
});

test("where nothing is to be published, the record is done, even if the call for the others fails", async () => {
  const told: unknown[] = [];
  const publishing = createPublishing<string>({
    publish: () => Promise.reject(AWAY),
    onPublished: (done) => void told.push(done.map(({ record, published }) => [record.id, published])),
    onPublishedAgain: () => expect.unreachable(),
    onFault: () => expect.unreachable(),
  });
  expect(await publishing.publish([tryOf("ja"), tryOf("jb", false, recordWith("jb"), null)])).toEqual([AWAY, null]);
  expect(told).toEqual([[["jb", null]]]);
});
