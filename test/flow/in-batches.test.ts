/** Batches end by time as well as by count, and suspects are noted one by one; the drain lets replies go between two of them. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startDrain } from "../../src/flow/drain.ts";
import { createInBatches } from "../../src/flow/in-batches.ts";
import type { ReadRecords } from "../../src/flow/ready.ts";
import { createSlowPeers } from "../../src/flow/slow-peers.ts";
import type { Entry } from "../../src/journal/backlog.ts";
import type { JournalFault } from "../../src/journal/fault.ts";
import { IN_HAND, type InHand } from "../../src/journal/in-hand.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import { type JournalRecord, peerOf } from "../../src/journal/record.ts";
import { partsOf, readRecords, saidRecord, UNHEARD } from "../support/drain.ts";
import { recordOf } from "../support/journal.ts";
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

/** What is noted, and read. `suspects`: at how many ends each may have been what was read. */
function batches(msEach: number, suspects: Readonly<Record<string, number>> = {}, stolenMs = 0) {
  const told: string[] = [];
  const inHand: InHand = {
    endsOf: (id) => suspects[id] ?? 0,
    async begin(id, ends) {
      told.push(`[${id} ${ends}`);
      await turn();
    },
    end: () => void told.push("]"),
  };
  let ms = 0;
  let used = 0;
  const inBatches = createInBatches({
    inHand,
    read(record, ends) {
      ms += msEach;
      used += msEach;
      told.push(ends === 0 ? record.id : `${record.id} after ${ends}`);
      return readRecords(record, ends);
    },
    // Other programs have the processor between any two readings of the clock.
    nowMs: () => (ms += stolenMs),
    usedMs: () => used,
  });
  return { inBatches, told };
}

/** A note takes some turns of the event loop, in which other work goes on. */
async function turn(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
}

test("a batch ends after two milliseconds, with one record at least, and the rest comes in the next one", async () => {
  for (const [msEach, sizes] of [
    [0.01, [6]],
    [0.9, [3, 3]],
    // Of the first one it is not known, because the kernel was not asked before.
    [50, [2, 1, 1, 1, 1]],
  ] as const) {
    const { inBatches } = batches(msEach);
    const entries = entriesOf(6);
    const found: number[] = [];
    while (entries.length > 0) found.push((await inBatches.some(entries)).length);
    expect(found).toEqual(sizes);
  }
});

test("where other programs take the processor, batches are as large as ever, and no peer is taken for a slow one", async () => {
  const { inBatches } = batches(0.01, {}, 100);
  for (let batch = 0; batch < 20; batch += 1) expect((await inBatches.some(entriesOf(32))).length).toBe(32);
  expect(inBatches.isSlow(peerOf(saidRecord("j0", REPORT)))).toBe(false);
});

test("suspects are noted and read one by one, go on together, and are left unread after three ends", async () => {
  const { inBatches, told } = batches(0, { j1: 1, j2: 2, j3: 3 });
  const entries = entriesOf(6);
  const kinds: string[] = [];
  while (entries.length > 0)
    kinds.push((await inBatches.some(entries)).map(({ ready: { job } }) => job?.kind ?? "none").join());
  expect(kinds).toEqual(["event", "event,event,quarantine", "event,event"]);
  expect(told.join(" ")).toBe("j0 [j1 1 j1 after 1 ] [j2 2 j2 after 2 ] j3 after 3 j4 j5");
});

test("no two suspects are in hand at a time, whoever reads them; others are read meanwhile, at once and without a note", async () => {
  const { inBatches, told } = batches(0, { j0: 1, j1: 1, j2: 2, j3: 1 });
  const [first = [], second = [], third = []] = [
    entriesOf(6).slice(0, 2),
    entriesOf(6).slice(2, 3),
    entriesOf(6).slice(4),
  ];
  const reading = [inBatches.some(first), inBatches.some(second), inBatches.one(saidRecord("j3", REPORT), undefined)];
  await inBatches.some(third);
  expect(told).toEqual(["j4", "j5", "[j0 1"]);
  await Promise.all(reading);
  expect(told.slice(3).join(" ")).toBe("j0 after 1 ] [j2 2 j2 after 2 ] [j3 1 j3 after 1 ] [j1 1 j1 after 1 ]");
});

test("what was read before it was stored is not noted", async () => {
  const { inBatches, told } = batches(0, { j0: 2 });
  await inBatches.one(recordOf("j0", { kind: "event", text: "" }), undefined);
  expect(told).toEqual(["j0"]);
});

test("a bounce that is suspect is noted while it is tied, also where that fails, and left unread after three ends", async () => {
  const { inBatches, told } = batches(0, { j0: 2, j1: 1, j2: 3 });
  const bounced = (id: string) => recordOf(id, { kind: "bounce", text: "" });
  const tie = async (id: string, cause?: Error) => {
    const { job } = await inBatches.one(bounced(id), undefined);
    await inBatches.tied(bounced(id), undefined, async () => {
      await turn();
      const ends = job?.kind === "bounce" ? job.message.ends : undefined;
      told.push(ends === undefined ? `tied ${id}` : `left ${id}`);
      if (cause) throw cause;
    });
  };
  await expect(tie("j0", new Error("Redis is away"))).rejects.toThrow("Redis is away");
  await Promise.all([tie("j1"), inBatches.one(saidRecord("j0", REPORT), undefined)]);
  await tie("j2");
  await tie("j3");
  await inBatches.tied(saidRecord("j1", REPORT), undefined, async () => void told.push("no bounce"));
  const [first, ...rest] = told.join(" ").split(" j1 after 1 ");
  expect(first).toBe("j0 after 2 [j0 2 tied j0 ]");
  expect(rest.join()).toBe("[j0 2 j0 after 2 ] [j1 1 tied j1 ] j2 after 3 left j2 j3 tied j3 no bounce");
});

async function drained(records: readonly JournalRecord[], read: ReadRecords): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-batches-"));
  const journal = await openJournal({ directory, maxBytes: 100_000_000, onFault: () => {} });
  await Promise.all(records.map((record) => journal.append(record)));
  const done = await drainedFrom(journal, records.length, read);
  await journal.close();
  rmSync(directory, { recursive: true });
  return done;
}

async function drainedFrom(journal: Journal, records: number, read: ReadRecords): Promise<string[]> {
  const done: string[] = [];
  const drain = startDrain({
    journal,
    ...partsOf(journal),
    ...UNHEARD,
    read,
    publish: async (jobs) => jobs.map(() => "there"),
    onPublished: (some) => void done.push(...some.map(({ record }) => record.id)),
  });
  await eventually(
    () => done.length,
    (count) => count === records,
  );
  await drain.stop(50);
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
    ...UNHEARD,
    publish: () => expect.unreachable(),
    onPublishedAgain: (count) => {
      again += count;
    },
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

test("a write of the note that never ends holds up neither the drain nor the event loop", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-batches-"));
  const faults: JournalFault["kind"][] = [];
  const open = () => openJournal({ directory, maxBytes: 1e8, onFault: ({ kind }) => faults.push(kind) });
  const killed = await open();
  const records = Array.from({ length: 100 }, (_, index) => saidRecord(`j${index}`, REPORT));
  await Promise.all(records.map((record) => killed.append(record)));
  const journal = await open();
  const path = join(directory, IN_HAND);
  rmSync(path);
  // Opening it to write waits for somebody who reads.
  execFileSync("mkfifo", [path]);
  const read: Record<string, number> = {};
  let longestMs = 0;
  let lastMs = performance.now();
  const ticks = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
  }, 5);
  const beganMs = performance.now();
  const done = await drainedFrom(journal, records.length, (record, ends) => {
    read[record.id] = ends;
    return readRecords(record, ends);
  });
  clearInterval(ticks);
  expect(new Set(done).size).toBe(100);
  expect(new Set(Object.values(read))).toEqual(new Set([1]));
  // To wait for each would take eight seconds.
  expect(performance.now() - beganMs).toBeLessThan(6_000);
  expect(longestMs).toBeLessThan(5_000);
  await eventually(
    () => faults,
    ({ length }) => length === 1,
  );
  expect(faults).toEqual(["in-hand-failed"]);
  // Nor a stop.
  await journal.close();
  closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  await killed.close();
  rmSync(directory, { recursive: true });
});
