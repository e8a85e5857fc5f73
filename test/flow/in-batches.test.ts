/** Batches end by time as well as by count, and what is in hand is noted; the drain lets replies go between two of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startDrain } from "../../src/flow/drain.ts";
import { createInBatches } from "../../src/flow/in-batches.ts";
import type { ReadRecords } from "../../src/flow/ready.ts";
import { createSlowPeers } from "../../src/flow/slow-peers.ts";
import type { Entry } from "../../src/journal/backlog.ts";
import type { InHand } from "../../src/journal/in-hand.ts";
import { openJournal } from "../../src/journal/journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { partsOf, readRecords, saidRecord } from "../support/drain.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";

const REPORT = deliveryReport();

function entriesOf(count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    record: saidRecord(`j${index}`, REPORT),
    start: { segment: 1, offset: index },
    end: { segment: 1, offset: index + 1 },
  }));
}

/** What is noted, and read. `suspects`: how often each was in hand when a process ended. */
function batches(msEach: number, suspects: Readonly<Record<string, number>> = {}) {
  const told: string[] = [];
  const inHand: InHand = {
    endsOf: (id) => suspects[id] ?? 0,
    begin: (ids) => void told.push(`[${ids.join()}`),
    end: () => void told.push("]"),
  };
  let ms = 0;
  const inBatches = createInBatches({
    inHand,
    read(record, ends) {
      ms += msEach;
      told.push(ends === 0 ? record.id : `${record.id} after ${ends}`);
      return readRecords(record, ends);
    },
    nowMs: () => ms,
  });
  return { inBatches, told };
}

test("a batch ends after two milliseconds, with one record at least, and the rest comes in the next one", () => {
  for (const [msEach, sizes] of [
    [0.01, [6]],
    [0.9, [3, 3]],
    [50, [1, 1, 1, 1, 1, 1]],
  ] as const) {
    const { inBatches } = batches(msEach);
    const entries = entriesOf(6);
    const found: number[] = [];
    while (entries.length > 0) found.push(inBatches.some(entries).length);
    expect(found).toEqual(sizes);
  }
});

test("what has been in hand when a process ended is read by itself, and left unread after three ends", () => {
  const { inBatches, told } = batches(0, { j2: 2, j3: 3 });
  const entries = entriesOf(5);
  const kinds: (string | undefined)[] = [];
  while (entries.length > 0) kinds.push(...inBatches.some(entries).map(({ ready: { job } }) => job?.kind));
  expect(kinds).toEqual(["event", "event", "event", "quarantine", "event"]);
  expect(told).toEqual(["[j0,j1", "j0", "j1", "]", "[j2", "j2 after 2", "]", "j3 after 3", "[j4", "j4", "]"]);
});

async function drained(records: readonly JournalRecord[], read: ReadRecords): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-batches-"));
  const journal = await openJournal({ directory, maxBytes: 100_000_000, onFault: () => {} });
  await Promise.all(records.map((record) => journal.append(record)));
  const done: string[] = [];
  const drain = startDrain({
    journal,
    ...partsOf(journal),
    read,
    publish: async (jobs) => jobs.map(() => "there"),
    onPublished: (some) => void done.push(...some.map(({ record }) => record.id)),
    onPublishedAgain: () => {},
    onFault: (cause) => {
      throw cause;
    },
    onTrouble: () => {},
    onRecovered: () => {},
  });
  await eventually(
    () => done.length,
    (count) => count === records.length,
  );
  await drain.stop(50);
  await journal.close();
  rmSync(directory, { recursive: true });
  return done;
}

test("between two batches of the drain other work goes on, also where nothing is to be published", async () => {
  const said = saidRecord("", deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ" }));
  const records = Array.from({ length: 320 }, (_, index) => ({ ...said, id: `j${index}` }));
  let read = 0;
  const seen = new Set<number>();
  const watch = (): void => {
    seen.add(read);
    if (read < records.length) setImmediate(watch);
  };
  watch();
  const counted: ReadRecords = (record, ends) => {
    read += 1;
    return readRecords(record, ends);
  };
  await drained(records, counted);
  expect(seen.size).toBeGreaterThanOrEqual(4);
});

test("a peer whose records take long to be read holds up no other peer's", async () => {
  const records = [
    ...Array.from({ length: 300 }, (_, index) => saidRecord(`jslow${index}`, REPORT, "slow")),
    ...Array.from({ length: 300 }, (_, index) => saidRecord(`jgood${index}`, REPORT, "good")),
  ];
  const slowly: ReadRecords = (record, ends) => {
    const untilMs = performance.now() + (record.id.startsWith("jslow") ? 5 : 0);
    while (performance.now() < untilMs);
    return readRecords(record, ends);
  };
  const done = await drained(records, slowly);
  const good = done.flatMap((id, index) => (id.startsWith("jgood") ? [index] : []));
  expect(done.filter((id) => id.startsWith("jslow"))).toHaveLength(300);
  // All of it is done when a good part of the slow ones still waits.
  expect(good.at(-1)).toBeLessThan(500);
});

test("a peer is slow for ten seconds when its records took a millisecond each, and much of the time", () => {
  let ms = 0;
  const peers = createSlowPeers(() => ms);
  for (let record = 0; record < 1_000; record += 1) peers.count("busy", 0.5);
  for (let record = 0; record < 3; record += 1) peers.count("rare", 30);
  expect([peers.isSlow("busy"), peers.isSlow("rare"), peers.isSlow("unknown")]).toEqual([false, false, false]);
  peers.count("rare", 30);
  expect(peers.isSlow("rare")).toBe(true);
  ms = 9_999;
  expect(peers.isSlow("rare")).toBe(true);
  ms = 10_000;
  expect(peers.isSlow("rare")).toBe(false);
});

test("other work goes on while all is read again, because Redis has changed, also where nothing is to be published", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-batches-"));
  const journal = await openJournal({ directory, maxBytes: 100_000_000, onFault: () => {} });
  const said = saidRecord("", deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ" }));
  const records = Array.from({ length: 100 }, (_, index) => ({ ...said, id: `j${index}` }));
  await Promise.all(records.map((record) => journal.append(record)));
  let again = 0;
  const drain = startDrain({
    journal,
    ...partsOf(journal),
    publish: () => expect.unreachable(),
    onPublished: () => {},
    onPublishedAgain: (count) => {
      again += count;
    },
    onFault: (cause) => {
      throw cause;
    },
    onTrouble: () => {},
    onRecovered: () => {},
  });
  await eventually(
    () => journal.backlog.records(),
    (waiting) => waiting === 0,
  );
  await journal.tellRedis("one");
  expect((await journal.tellRedis("another")).again).toBe(true);
  const seen: number[] = [];
  const watch = (): void => {
    seen.push(again);
    if (again < records.length) setImmediate(watch);
  };
  watch();
  await drain.publishAgain();
  await drain.stop(50);
  await journal.close();
  rmSync(directory, { recursive: true });
  expect(again).toBe(records.length);
  expect(new Set(seen).size).toBeGreaterThanOrEqual(10);
});
