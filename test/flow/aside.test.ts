/** Messages that only reading shows to be unreadable, while the quarantine is full: with a real journal. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AsideUse, createAside } from "../../src/flow/aside.ts";
import { type Drain, startDrain } from "../../src/flow/drain.ts";
import type { Taken } from "../../src/flow/in-batches.ts";
import type { Place } from "../../src/journal/backlog.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { createQuarantineRoom, type QuarantineContents, type QuarantineRoom } from "../../src/quarantine/room.ts";
import { ROOM, readRecords, saidRecord, UNHEARD } from "../support/drain.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";

const MAX_BYTES = 2_000_000;
/** Only reading shows that it is more than an event may hold. */
const TOO_LARGE = deliveryReport({ "X-Mms-Message-ID": "m".repeat(5_000) });

let directory: string;
let journal: Journal;
let drain: Drain;
let room: QuarantineRoom;
const published: string[] = [];
const told: string[] = [];
/** Why the quarantine takes nothing; null when it does. */
let failure: Error | null;
let aside: ReturnType<typeof createAside>;

/** As the service joins them. `kept`: what is in quarantine; null while that has not been counted. */
async function start(
  places: number,
  kept: QuarantineContents | null = new Map(),
  movedAfterMs = 60_000,
): Promise<void> {
  journal = await openJournal({ directory, maxBytes: MAX_BYTES, onFault: ({ kind }) => void told.push(kind) });
  room = createQuarantineRoom(places, 100_000_000);
  if (kept) room.measured(kept);
  aside = createAside({
    journal,
    maxBytes: MAX_BYTES,
    movedAfterMs,
    quarantine: room,
    onWaits: (peer, bytes) => void room.refused(peer, bytes),
    onBegin: (peer) => void told.push(`${peer} begins`),
    onOver: (peer) => void told.push(`${peer} is over`),
  });
  drain = startDrain({
    journal,
    read: readRecords,
    aside,
    ...UNHEARD,
    publish: async (jobs) => jobs.map(({ kind }) => (kind === "quarantine" ? failure : null) ?? "there"),
    onPublished(done) {
      for (const { record, job } of done) {
        published.push(`${record.id} ${job?.kind}`);
        if (job?.kind === "quarantine") room.arrived(record.id, { peer: job.message.peer.name, bytes: 1 });
      }
    },
    movedAfterMs: 100,
  });
}

function unreadable(id: string, peer: string): JournalRecord {
  return saidRecord(id, TOO_LARGE, peer);
}

const waits = (wanted: Partial<AsideUse>) =>
  eventually(
    () => aside.use(),
    (use) => Object.entries(wanted).every(([name, value]) => use[name as keyof AsideUse] === value),
  );

const publishedUpTo = (count: number) =>
  eventually(
    () => published.length,
    (length) => length === count,
  );

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-aside-"));
  published.length = 0;
  told.length = 0;
  failure = null;
});
afterEach(async () => {
  await drain.stop(50);
  await journal.close();
  rmSync(directory, { recursive: true });
});

/** A person has emptied the quarantine, and it is measured. */
function empty(): void {
  for (let measurement = 0; measurement < 3; measurement += 1) room.measured(new Map());
}

test("they wait in the journal, hold up no report, are no sign of a slow queue, and go when there is room", async () => {
  await start(1);
  // The first takes the only place, so that the next ones find none.
  for (const id of ["j1", "j2", "j3"]) await journal.append(unreadable(id, "bad"));
  await journal.append(saidRecord("jgood", deliveryReport(), "good"));
  await waits({ records: 2 });
  await publishedUpTo(2);
  expect(published).toEqual(["j1 quarantine", "jgood event"]);
  expect(told).toEqual(["bad begins"]);
  expect(room.refusals().map(({ peer }) => peer)).toEqual(["bad"]);
  expect(journal.status()).toMatchObject({ records: 2, oldestAt: null });
  empty();
  await publishedUpTo(3);
  expect(published.at(-1)).toBe("j2 quarantine");
  empty();
  await publishedUpTo(4);
  expect(published.at(-1)).toBe("j3 quarantine");
  expect(journal.status().records).toBe(0);
  await eventually(
    () => told.length,
    (length) => length === 2,
  );
  expect(told).toEqual(["bad begins", "bad is over"]);
});

test("after a restart they still wait, and a stop does not wait for them", async () => {
  await start(1);
  for (const id of ["j1", "j2"]) await journal.append(unreadable(id, "bad"));
  await waits({ records: 1 });
  const beganMs = performance.now();
  await drain.stop(60_000);
  expect(performance.now() - beganMs).toBeLessThan(30_000);
  await journal.close();
  published.length = 0;

  await start(0);
  await waits({ records: 1 });
  expect(published).toEqual([]);
});

test("a peer may have a sixteenth of the journal aside, and only it is asked to come again beyond that", async () => {
  await start(0);
  const share = MAX_BYTES / 16;
  let id = 0;
  for (; aside.has("bad"); id += 1) {
    await journal.append(unreadable(`j${id}`, "bad"));
    await waits({ records: id + 1 });
  }
  expect(aside.use("bad").bytes).toBeGreaterThanOrEqual(share);
  expect(aside.use("bad").bytes).toBeLessThan(share * 1.1);
  expect(aside.has("good")).toBe(true);
  room = Object.assign(room, { takes: () => true });
  await publishedUpTo(id);
  expect(aside.has("bad")).toBe(true);
});

test("one that waits for long is moved behind the others, so that the segments of these can be removed", async () => {
  await start(0);
  await journal.append(unreadable("j0", "bad"));
  await waits({ records: 1 });
  // All before it is drained, and no more while it is where it is.
  const before = journal.backlog.drained();
  const report = deliveryReport({ "X-Other": "x".repeat(30_000) });
  for (let id = 1; id <= 30; id += 1) await journal.append(saidRecord(`j${id}`, report, "good"));
  await publishedUpTo(30);
  await eventually(
    () => journal.backlog.drained().segment,
    (segment) => segment > before.segment,
  );
  await waits({ records: 1 });
  expect(journal.status().records).toBe(1);
  expect(told).toEqual(["bad begins"]);
});

test("what is on the queue behind one that waits is not queued again by a restart, however little there is of it", async () => {
  await start(0, new Map(), 0);
  await journal.append(unreadable("j0", "bad"));
  for (let id = 1; id <= 5; id += 1) await journal.append(saidRecord(`j${id}`, deliveryReport(), "good"));
  await publishedUpTo(5);
  await eventually(
    () => journal.backlog.doneAhead().length,
    (ahead) => ahead === 0,
  );
  await drain.stop(50);
  await journal.close();
  published.length = 0;

  await start(0);
  await waits({ records: 1 });
  expect(published).toEqual([]);
});

test("others settle also behind one that waits because the quarantine cannot be counted", async () => {
  await start(1, null, 0);
  await journal.append(unreadable("j0", "bad"));
  await journal.append(saidRecord("jgood", deliveryReport(), "good"));
  await publishedUpTo(1);
  await eventually(
    () => journal.backlog.doneAhead().length,
    (ahead) => ahead === 0,
  );
  expect([published, told]).toEqual([["jgood event"], []]);
});

test("of those that hold up others the first in the journal is moved, and not one that comes back for ever", async () => {
  const place = (offset: number): Place => ({ start: { segment: 0, offset }, end: { segment: 0, offset: offset + 1 } });
  const takenOf = (id: string, peer: string, offset: number): Taken => {
    const record = unreadable(id, peer);
    return { entry: { record, ...place(offset) }, ready: readRecords(record, 0) };
  };
  const moved: string[] = [];
  let end = 10;
  let held = true;
  const crowded = createAside({
    journal: {
      isHeldUpBy: () => held && moved.length < 10,
      async moveToEnd({ id }) {
        moved.push(id);
        end += 1;
        // The drain takes it from there.
        crowded.mayGo(takenOf(id, id, end));
      },
      backlog: {
        putAside: () => {},
        done: ({ start: { offset } }) => {
          if (offset === 0) held = false;
        },
        doneAhead: () => [],
      },
    },
    maxBytes: MAX_BYTES,
    quarantine: { ...ROOM, takes: () => false },
    onWaits: () => {},
    onBegin: () => {},
    onOver: () => {},
  });
  // Two calls are under way at a time, so that the second may be told of before the first.
  for (const [id, offset] of [
    ["late", 1],
    ["late", 2],
    ["first", 0],
  ] as const)
    crowded.mayGo(takenOf(id, id, offset));
  await crowded.look({
    read: async ({ start, end }) => ({ record: unreadable(start.offset === 0 ? "first" : "late", "bad"), start, end }),
    drain: async () => {},
  });
  expect(moved).toEqual(["first"]);
});

test("after a restart they wait until what is in quarantine was counted, and nothing is told before that", async () => {
  await start(1);
  for (const id of ["j1", "j2"]) await journal.append(unreadable(id, "bad"));
  await waits({ records: 1 });
  await drain.stop(60_000);
  await journal.close();
  published.length = 0;
  told.length = 0;

  await start(1, null);
  await waits({ records: 1 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect([published, told]).toEqual([[], []]);
  room.measured(new Map([["j1", { peer: "bad", bytes: 1 }]]));
  await eventually(
    () => told.length,
    (length) => length > 0,
  );
  expect([published, told]).toEqual([[], ["bad begins"]]);
  empty();
  await publishedUpTo(1);
  expect(published).toEqual(["j2 quarantine"]);
});

test("one that has its place, and is moved because the quarantine takes nothing for long, does not wait for its own place", async () => {
  await start(1);
  failure = new Error("WRONGTYPE");
  await journal.append(unreadable("j1", "bad"));
  let others = 0;
  await eventually(
    async () => {
      await journal.append(saidRecord(`jgood${others++}`, deliveryReport(), "good"));
      return journal.appended();
    },
    // One more than those: it was moved.
    (appended) => appended > others + 1,
  );
  failure = null;
  await eventually(
    () => published,
    () => published.includes("j1 quarantine"),
    10_000,
  );
  expect(aside.use().records).toBe(0);
});

test("what was drained behind one that waits is not drained again by the next start, after a stop, or a while after a kill", async () => {
  for (const [index, end] of ["stop", "kill"].entries()) {
    const count = index + 1;
    await start(0, new Map(), 100);
    await journal.append(unreadable(`j${end}`, "bad"));
    await waits({ records: count });
    for (let id = 1; id <= 5; id += 1) await journal.append(saidRecord(`j${end}${id}`, deliveryReport(), "good"));
    await eventually(
      () => journal.status().records,
      (records) => records === count,
    );
    if (end === "kill")
      await eventually(
        () => journal.backlog.doneAhead().length,
        (ahead) => ahead === 0,
      );
    await drain.stop(1_000);
    expect(journal.backlog.doneAhead()).toEqual([]);
    await journal.close();
    published.length = 0;
    await start(0, new Map(), 100);
    await waits({ records: count });
    expect(published).toEqual([]);
    await drain.stop(1_000);
    await journal.close();
  }
  await start(0);
});

test("what was done behind one that waits, and is drained once more after a kill, does not wait behind it", async () => {
  await start(1, null);
  for (const id of ["j1", "j2"]) await journal.append(unreadable(id, "bad"));
  await waits({ records: 2 });
  room.measured(new Map([["j2", { peer: "bad", bytes: 1 }]]));
  await publishedUpTo(1);
  expect(published).toEqual(["j2 quarantine"]);
  await waits({ records: 1 });
});
