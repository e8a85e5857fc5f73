/** How many records may be taken from the backlog at a time, and not done. */
import { expect, test } from "vitest";
import { createBacklog } from "../../src/journal/backlog.ts";
import { recordOf } from "../support/journal.ts";

const MOST = 100_000;

test("behind a record that is not done so many are taken and no more, until it is done", async () => {
  const from = { segment: 1, offset: 0 };
  const end = { segment: 1, offset: MOST + 2 };
  const read = () => Promise.reject(new Error("All of it is in memory"));
  const backlog = createBacklog({ from, records: 0, bytes: 0, memoryBytes: 1e9, read, end: () => from });
  const record = recordOf("j1", { kind: "message", text: "" });
  for (let offset = 0; offset < end.offset; offset++) {
    backlog.add({ record, start: { segment: 1, offset }, end: { segment: 1, offset: offset + 1 } });
  }
  const first = backlog.take();
  for (let taken = 1; taken < MOST; taken++) {
    const entry = backlog.take();
    if (entry) backlog.done(entry);
  }
  expect(backlog.take()).toBeUndefined();
  if (first) backlog.done(first);
  expect(backlog.take()?.start.offset).toBe(MOST);
});

test("however many were put aside, as many as ever are taken besides", () => {
  const from = { segment: 1, offset: 0 };
  const read = () => Promise.reject(new Error("All of it is in memory"));
  const backlog = createBacklog({ from, records: 0, bytes: 0, memoryBytes: 1e9, read, end: () => from });
  const record = recordOf("j1", { kind: "message", text: "" });
  for (let offset = 0; offset < 2 * MOST + 1; offset++) {
    backlog.add({ record, start: { segment: 1, offset }, end: { segment: 1, offset: offset + 1 } });
  }
  for (let taken = 0; taken < MOST; taken++) {
    const entry = backlog.take();
    if (entry) backlog.putAside(entry);
  }
  expect(backlog.isHeldUp()).toBe(false);
  for (let taken = 0; taken < MOST; taken++) {
    const entry = backlog.take();
    expect(entry?.start.offset).toBe(MOST + taken);
    if (entry) backlog.done(entry);
  }
  expect(backlog.isHeldUp()).toBe(true);
  expect(backlog.take()).toBeUndefined();
});

test("the record that has waited longest is told at once, however many are done behind one that was put aside", () => {
  const from = { segment: 1, offset: 0 };
  const read = () => Promise.reject(new Error("All of it is in memory"));
  const backlog = createBacklog({ from, records: 0, bytes: 0, memoryBytes: 1e9, read, end: () => from });
  const add = (offset: number): void => {
    const record = recordOf(`j${offset}`, { kind: "message", text: "" });
    backlog.add({ record, start: { segment: 1, offset }, end: { segment: 1, offset: offset + 1 } });
  };
  for (let offset = 0; offset < MOST; offset++) add(offset);
  const first = backlog.take();
  const second = backlog.take();
  if (first) backlog.putAside(first);
  for (let taken = 2; taken < MOST; taken++) {
    const entry = backlog.take();
    if (entry) backlog.done(entry);
  }
  expect(backlog.oldest()?.id).toBe("j1");
  if (second) backlog.done(second);
  const beganMs = performance.now();
  for (let asked = 0; asked < 1_000; asked++) expect(backlog.oldest()).toBeUndefined();
  // Each report that is refused because its peer's share is used up asks for it.
  expect(performance.now() - beganMs).toBeLessThan(300);
  // The places before it are forgotten.
  if (first) backlog.done(first);
  for (const offset of [MOST, MOST + 1]) add(offset);
  expect(backlog.oldest()?.id).toBe(`j${MOST}`);
  backlog.take();
  expect(backlog.oldest()?.id).toBe(`j${MOST}`);
});

test.each([
  ["a record, and damage behind it", 50],
  ["damage only", 0],
])("what is drained reaches the end of what was read: %s", async (_, length) => {
  const from = { segment: 1, offset: 0 };
  const next = { segment: 1, offset: 90 };
  const record = recordOf("j1", { kind: "message", text: "" });
  const entries = length > 0 ? [{ record, start: from, end: { segment: 1, offset: length } }] : [];
  const backlog = createBacklog({
    from,
    records: entries.length,
    bytes: length,
    memoryBytes: 1e9,
    read: async () => ({ entries, next }),
    end: () => next,
  });
  await backlog.load();
  for (let entry = backlog.take(); entry; entry = backlog.take()) {
    expect(backlog.drained()).toEqual(from);
    backlog.done(entry);
  }
  expect(backlog.drained()).toEqual(next);
});

test("some are taken by count and by bytes, in order, and no further one behind the one that is over", () => {
  const from = { segment: 1, offset: 0 };
  const read = () => Promise.reject(new Error("All of it is in memory"));
  const backlog = createBacklog({ from, records: 0, bytes: 0, memoryBytes: 1e9, read, end: () => from });
  const record = recordOf("j1", { kind: "message", text: "" });
  for (const [offset, bytes] of [
    [0, 10],
    [10, 10],
    [20, 500],
    [520, 10],
    [530, 10],
  ] as const) {
    backlog.add({ record, start: { segment: 1, offset }, end: { segment: 1, offset: offset + bytes } });
  }
  const takes = [() => backlog.takeSome(1, 100), () => backlog.takeSome(64, 100), () => backlog.takeSome(64, 100)];
  expect(takes.map((take) => take().map(({ start }) => start.offset))).toEqual([[0], [10, 20], [520, 530]]);
  expect(backlog.takeSome(64, 100)).toEqual([]);
  expect(backlog.records()).toBe(5);
});
