/** Relays go first, for some seconds at most. Time is the test's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Drain, startDrain } from "../../src/flow/drain.ts";
import { createGivingWay, GIVES_WAY_MS, LOOKS_EVERY_MS, LOOKS_FOR_MS } from "../../src/flow/giving-way.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { partsOf, UNHEARD } from "../support/drain.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const NEARLY_ALL = 0.9;
const HALF = 0.5;

/** Which part of each look is used by relays; the last one stands for those that follow. */
function lookingAt(...parts: number[]) {
  let atMs = 0;
  let looks = 0;
  let oldestMs = 0;
  const givingWay = createGivingWay({
    async pause(ms) {
      atMs += ms;
      looks += 1;
    },
    waitedMs: () => oldestMs + atMs,
    nowMs: () => atMs,
    used: () => () => (parts.length > 1 ? (parts.shift() ?? 0) : (parts[0] ?? 0)),
  });
  return {
    turn: givingWay.turn,
    atMs: () => atMs,
    looks: () => looks,
    pass(ms: number) {
      atMs += ms;
    },
    waitedBefore(ms: number) {
      oldestMs = ms;
    },
  };
}

describe("a turn", () => {
  test("comes after one look, where there is time to spare", async () => {
    const { turn, atMs } = lookingAt(HALF);
    await turn(false);
    expect(atMs()).toBe(LOOKS_FOR_MS);
  });

  test("comes when there is time to spare", async () => {
    const { turn, looks } = lookingAt(NEARLY_ALL, NEARLY_ALL, NEARLY_ALL, HALF);
    await turn(true);
    expect(looks()).toBe(0);
    await turn(false);
    expect(looks()).toBe(4);
  });

  test("comes when the oldest record has waited for ten seconds", async () => {
    const { turn, atMs } = lookingAt(NEARLY_ALL);
    await turn(false);
    expect(atMs()).toBe(GIVES_WAY_MS);
  });

  test("comes after one look, where a record has waited so long already", async () => {
    const { turn, looks, waitedBefore } = lookingAt(NEARLY_ALL);
    waitedBefore(Number.POSITIVE_INFINITY);
    await turn(false);
    expect(looks()).toBe(1);
  });

  test("comes at once for a full batch, but each 50 ms after a look", async () => {
    const { turn, looks, pass } = lookingAt(HALF);
    pass(LOOKS_EVERY_MS - 1);
    await turn(true);
    expect(looks()).toBe(0);
    pass(1);
    await turn(true);
    expect(looks()).toBe(1);
    await turn(true);
    expect(looks()).toBe(1);
  });

  test("comes for both calls after the same look", async () => {
    const { turn, looks } = lookingAt(NEARLY_ALL, HALF);
    await Promise.all([turn(false), turn(true)]);
    expect(looks()).toBe(2);
  });
});

describe("the drain", () => {
  let directory: string;

  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    rmSync(directory, { recursive: true, force: true });
  });

  test("works off in time what comes, however busy relays keep it", async () => {
    begin();
    const journal = await open();
    const { drain, drained } = drainOf(journal);
    await append(journal, 3);
    await vi.advanceTimersByTimeAsync(GIVES_WAY_MS - 100);
    expect(drained).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    await until(() => drained.length === 3);
    await end(drain, journal);
  });

  test("works off in time what waits on the disk, where nobody knows yet how old it is", async () => {
    begin();
    const before = await open();
    await append(before, 3);
    await before.close();
    const journal = await open();
    // So that every turn takes a look, also the first, and that of a batch that may be full.
    let nowMs = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (nowMs += LOOKS_EVERY_MS));
    const { drain, drained } = drainOf(journal);
    // The disk takes as long as it takes, and no timer of ours is to run out before.
    await until(() => journal.backlog.oldest() !== undefined);
    await vi.advanceTimersByTimeAsync(GIVES_WAY_MS - 100);
    expect(drained).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    await until(() => drained.length === 3);
    await end(drain, journal);
  });

  test("gives way to nobody when it stops", async () => {
    begin();
    const journal = await open();
    const { drain, drained } = drainOf(journal);
    await append(journal, 1);
    await vi.advanceTimersByTimeAsync(1_000);
    vi.useRealTimers();
    await end(drain, journal);
    expect(drained).toEqual([]);
  });

  test("does not wait for a clock that was set back", async () => {
    begin();
    const journal = await open();
    const { drain, drained } = drainOf(journal);
    await append(journal, 1, new Date(Date.now() + 3_600_000));
    await vi.advanceTimersByTimeAsync(LOOKS_FOR_MS);
    await until(() => drained.length === 1);
    await end(drain, journal);
  });

  /** Beside relays that use all of its time. */
  function begin(): void {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    vi.spyOn(performance, "eventLoopUtilization").mockReturnValue({ idle: 0, active: 1, utilization: 1 });
    directory = mkdtempSync(join(tmpdir(), "mm4d-giving-way-"));
  }

  function open(): Promise<Journal> {
    return openJournal({ directory: join(directory, "journal"), maxBytes: 100_000_000, onFault: () => {} });
  }

  function drainOf(journal: Journal) {
    const drained: string[] = [];
    const drain = startDrain({
      journal,
      ...partsOf(journal),
      ...UNHEARD,
      publish: async (records) => {
        drained.push(...records.map(({ id }) => id));
        return records.map(({ id }) => id);
      },
    });
    return { drain, drained };
  }

  async function append(journal: Journal, count: number, receivedAt = new Date()): Promise<void> {
    const records = Array.from({ length: count }, (_, index) => recordAt(`j${index}`, receivedAt));
    await Promise.all(records.map((record) => journal.append(record)));
  }

  async function end(drain: Drain, journal: Journal): Promise<void> {
    vi.useRealTimers();
    await drain.stop(0);
    await journal.close();
  }
});

function recordAt(id: string, receivedAt: Date): JournalRecord {
  const event = { ...eventOf(deliveryReport()), time: receivedAt.toISOString() };
  return { id, kind: "event", event };
}

/** Without time going by. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !isSo(); turn += 1) await nextTurn();
  expect(isSo()).toBe(true);
}
