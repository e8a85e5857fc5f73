/** How a batch waits to grow. The clock stands still but where a test moves it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Drain, startDrain } from "../../src/flow/drain.ts";
import { LOOKS_FOR_MS } from "../../src/flow/giving-way.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import { partsOf, UNHEARD } from "../support/drain.ts";
import { recordOf, takeUpTo } from "../support/journal.ts";

const FULL = 32;

let directory: string;
let journal: Journal;
let drain: Drain;
let batches: string[][];
/** Those of a journal that waits for records. */
let idleTimers: number;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  // The drain gives way to nobody here.
  vi.spyOn(performance, "eventLoopUtilization").mockReturnValue({ idle: 1, active: 0, utilization: 0 });
  directory = mkdtempSync(join(tmpdir(), "mm4d-gathering-"));
  journal = await open();
  vi.clearAllTimers();
  batches = [];
  drain = startDrain({
    journal,
    ...partsOf(journal),
    ...UNHEARD,
    publish: async (records) => {
      batches.push(records.map(({ id }) => id));
      return records.map(({ id }) => id);
    },
  });
  await turns();
  idleTimers = vi.getTimerCount();
});

afterEach(async () => {
  await drain.stop(0);
  await journal.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

test("what comes within some milliseconds goes in one batch, as far as one may be large", async () => {
  const [first = ""] = await append(1, "first");
  await turns();
  const [second = ""] = await append(1, "second");
  await turns();
  expect(batches).toEqual([]);
  await vi.advanceTimersByTimeAsync(LOOKS_FOR_MS);
  await until(() => journal.backlog.records() === 0);
  expect(batches).toEqual([[first, second]]);

  const many = await append(FULL + 1, "many");
  await vi.advanceTimersByTimeAsync(LOOKS_FOR_MS);
  await until(() => batches.length === 2);
  await turns();
  expect(batches[1]).toEqual(many.slice(0, FULL));
  await vi.advanceTimersByTimeAsync(LOOKS_FOR_MS);
  await until(() => journal.backlog.records() === 0);
  expect(batches[2]).toEqual(many.slice(FULL));
  expect(vi.getTimerCount()).toBe(idleTimers);
});

test("a stop ends the wait, and what waited is there at the next start", async () => {
  const ids = await append(3, "left");
  await turns();
  expect(vi.getTimerCount()).toBe(idleTimers + 1);
  // No time goes by, not even what a stop waits for calls that hang.
  await drain.stop(0);
  // That wait is what is left.
  expect(vi.getTimerCount()).toBe(1);
  expect(batches).toEqual([]);
  await journal.close();
  journal = await open();
  expect((await takeUpTo(journal)).map(({ record }) => record.id)).toEqual(ids);
});

function open(): Promise<Journal> {
  return openJournal({ directory: join(directory, "journal"), maxBytes: 100_000_000, onFault: () => {} });
}

/** Gives their ids, once they are on the disk. */
async function append(count: number, name: string): Promise<string[]> {
  const records = Array.from({ length: count }, (_, index) =>
    recordOf(`j${name}${index}`, { kind: "event", text: "" }),
  );
  await Promise.all(records.map((record) => journal.append(record)));
  return records.map(({ id }) => id);
}

/** More than the drain needs to do all that it may do now. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn();
}
