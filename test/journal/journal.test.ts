import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startDrain } from "../../src/flow/drain.ts";
import type { Entry } from "../../src/journal/backlog.ts";
import type { JournalFault } from "../../src/journal/fault.ts";
import { type Journal, type JournalOptions, openJournal } from "../../src/journal/journal.ts";
import { encodeRecord, type JournalRecord, scanRecords } from "../../src/journal/record.ts";
import { partsOf, UNHEARD } from "../support/drain.ts";
import { eachBy } from "../support/publishing.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";

let directory: string;
let faults: JournalFault[];
let opened: Journal[];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "mm4d-journal-")), "journal");
  faults = [];
  opened = [];
});

afterEach(async () => {
  for (const journal of opened) await journal.close();
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

const EVENT = eventOf(deliveryReport());
const record = (id: string | number): JournalRecord => saidRecord(`j${id}`, deliveryReport());

async function open(options: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await openJournal({
    directory,
    maxBytes: 100_000_000,
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  opened.push(journal);
  return journal;
}

/** Takes everything that waits, in order, and marks it done when asked to. */
async function takeAll({ backlog }: Journal, done = true): Promise<string[]> {
  const ids: string[] = [];
  const entries: Entry[] = [];
  while (backlog.records() > entries.length) {
    const entry = backlog.take();
    if (!entry) {
      await backlog.load();
      continue;
    }
    entries.push(entry);
    ids.push(entry.record.id);
  }
  if (done) for (const entry of entries) backlog.done(entry);
  return ids;
}

const segments = () => readdirSync(directory).filter((name) => name.endsWith(".journal"));
const lastSegment = () => join(directory, segments().sort().at(-1) ?? "");

describe("append and recover", () => {
  test("what was appended is there after a crash, in order, with the same ids", async () => {
    const journal = await open();
    await Promise.all([1, 2, 3].map((id) => journal.append(record(id))));
    await journal.append(record(4));
    // No close: the process is gone.
    const again = await open();
    expect(again.status().records).toBe(4);
    expect(await takeAll(again)).toEqual(["j1", "j2", "j3", "j4"]);
    expect(faults).toEqual([]);
  });

  test("what was drained is not drained again after a clean stop", async () => {
    const journal = await open();
    for (const id of [1, 2, 3]) await journal.append(record(id));
    const [first, second] = [journal.backlog.take(), journal.backlog.take()];
    if (first && second) for (const entry of [second, first]) journal.backlog.done(entry);
    await journal.close();
    expect(await takeAll(await open())).toEqual(["j3"]);
  });

  test("a record that is done out of order is drained again rather than lost", async () => {
    const journal = await open();
    for (const id of [1, 2, 3]) await journal.append(record(id));
    journal.backlog.take();
    const second = journal.backlog.take();
    if (second) journal.backlog.done(second);
    await journal.close();
    expect(await takeAll(await open())).toEqual(["j1", "j2", "j3"]);
  });

  test("segments rotate, and more than memory holds is read from the disk in order", async () => {
    const journal = await open({ segmentBytes: 10_000, memoryBytes: 7_000 });
    const ids = Array.from({ length: 200 }, (_, index) => index);
    for (const id of ids) await journal.append(record(id));
    expect(segments().length).toBeGreaterThan(10);
    for (const segment of segments()) expect(statSync(join(directory, segment)).size).toBeLessThanOrEqual(10_000);
    expect(await takeAll(journal)).toEqual(ids.map((id) => `j${id}`));
    expect(journal.backlog.records()).toBe(0);
    await journal.append(record("new"));
    expect(await takeAll(journal)).toEqual(["jnew"]);
  });

  test("a record longer than a chunk and longer than a segment is kept whole", async () => {
    const raw = "x".repeat(5_000_000);
    const { peer } = EVENT.data;
    const large: JournalRecord = {
      id: "jlarge",
      kind: "quarantine",
      message: { reason: "no-status", detail: null, peer, receivedAt: EVENT.time, raw },
    };
    const journal = await open({ segmentBytes: 10_000 });
    await journal.append(record(1));
    await journal.append(large);
    await journal.append(record(2));
    const again = await open();
    await again.backlog.load();
    const found: JournalRecord[] = [];
    while (found.length < 3) {
      const entry = again.backlog.take();
      if (entry) found.push(entry.record);
      else await again.backlog.load();
    }
    expect(found.map(({ id }) => id)).toEqual(["j1", "jlarge", "j2"]);
    expect(found[1]).toEqual(large);
  });

  test("files and directories belong to us alone", async () => {
    const journal = await open();
    await journal.append(record(1));
    await journal.tellRedis("a");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(lastSegment()).mode & 0o777).toBe(0o600);
  });
});

describe("damage", () => {
  async function threeRecords(): Promise<string> {
    const journal = await open();
    for (const id of [1, 2, 3]) await journal.append(record(id));
    return lastSegment();
  }
  const line = encodeRecord(record(1)).byteLength;

  test("a torn last record is cut, told, and what stands before it is whole", async () => {
    const path = await threeRecords();
    truncateSync(path, statSync(path).size - 10);
    const journal = await open();
    expect(faults).toMatchObject([{ kind: "torn", offset: 2 * line, bytes: line - 10 }]);
    expect(await takeAll(journal)).toEqual(["j1", "j2"]);
    expect(statSync(path).size).toBe(2 * line);
  });

  test("a damaged record in the middle is set aside and told, and the others are drained", async () => {
    const path = await threeRecords();
    const bytes = readFileSync(path);
    bytes[line + 100] = (bytes[line + 100] ?? 0) ^ 0x01;
    writeFileSync(path, bytes);
    const journal = await open();
    expect(faults).toMatchObject([{ kind: "damaged", offset: line, bytes: line }]);
    expect(await takeAll(journal)).toEqual(["j1", "j3"]);
    const [kept = ""] = readdirSync(join(directory, "damaged"));
    expect(kept).toMatch(new RegExp(`^1-${line}-[0-9a-f]{8}\\.bin$`));
    expect(readFileSync(join(directory, "damaged", kept))).toEqual(bytes.subarray(line, 2 * line));
    await open();
    expect(faults.length).toBe(1);
  });

  test("wherever one byte is flipped, no other record is lost and nothing wrong is read", async () => {
    const path = await threeRecords();
    const bytes = readFileSync(path);
    for (let position = 0; position < bytes.byteLength; position += 7) {
      const flipped = Buffer.from(bytes);
      flipped[position] = (flipped[position] ?? 0) ^ 0x04;
      const records = [...scanRecords(flipped)].filter(({ kind }) => kind === "record");
      const hit = Math.floor(position / line);
      const whole = [0, 1, 2]
        .filter((index) => index !== hit)
        .map((index) => bytes.subarray(index * line, (index + 1) * line));
      for (const expected of whole) {
        expect(records.some((stretch) => stretch.kind === "record" && expected.includes(stretch.json))).toBe(true);
      }
      for (const stretch of records) if (stretch.kind === "record") expect(bytes.includes(stretch.json)).toBe(true);
    }
  });

  test("an empty segment, a foreign file and a cursor that is nonsense do no harm", async () => {
    await threeRecords();
    writeFileSync(join(directory, "0000000009.journal"), "");
    writeFileSync(join(directory, "notes.txt"), "mine");
    writeFileSync(join(directory, "cursor"), "nonsense");
    const journal = await open();
    expect(await takeAll(journal)).toEqual(["j1", "j2", "j3"]);
    await journal.append(record(4));
    expect(await takeAll(journal)).toEqual(["j4"]);
    expect(faults).toEqual([{ kind: "cursor-unreadable" }]);
  });

  test("a cursor with one digit changed is not believed", async () => {
    const journal = await open();
    for (const id of [1, 2]) await journal.append(record(id));
    await journal.tellRedis("a");
    await journal.close();
    const path = join(directory, "cursor");
    const changed = readFileSync(path, "utf8").replace('"drained":{"segment":0', '"drained":{"segment":9');
    expect(changed).toContain('"segment":9');
    writeFileSync(path, changed);
    expect(await takeAll(await open())).toEqual(["j1", "j2"]);
  });

  test("bytes that are no record behind the last one are set aside", async () => {
    const path = await threeRecords();
    appendFileSync(path, "rubbish\n");
    expect(await takeAll(await open())).toEqual(["j1", "j2", "j3"]);
    expect(faults).toMatchObject([{ kind: "damaged", bytes: 8 }]);
  });
});

describe("when the disk does not take it", () => {
  test("a journal at its limit refuses, and takes again when it has been drained and settled", async () => {
    const size = encodeRecord(record(1)).byteLength;
    // Of four places a single peer has three: the eighth that it leaves is half of one.
    const journal = await open({ maxBytes: 4 * size, segmentBytes: size, graceMs: 0 });
    for (const id of [1, 2, 3]) await journal.append(record(id));
    await expect(journal.append(record(4))).rejects.toThrow("The journal holds");
    expect(await takeAll(journal)).toEqual(["j1", "j2", "j3"]);
    for (let tick = 0; tick < 3; tick++) await journal.tellRedis("a");
    await journal.append(record(5));
    expect(await takeAll(journal)).toEqual(["j5"]);
  });

  test("a directory that was taken away is told once, and used again when it is back", async () => {
    const journal = await open();
    await journal.append(record(1));
    renameSync(directory, `${directory}.away`);
    rmSync(`${directory}.away`, { recursive: true });
    writeFileSync(directory, "in the way");
    await expect(journal.append(record(2))).rejects.toThrow();
    await expect(journal.append(record(3))).rejects.toThrow();
    expect(faults.map(({ kind }) => kind)).toEqual(["append-failed"]);
    expect(journal.status().fault).not.toBeNull();
    rmSync(directory);
    // Nobody appends to a service that is not ready: it tries the disk by itself.
    await journal.tellRedis(null);
    expect(faults.map(({ kind }) => kind)).toEqual(["append-failed", "append-recovered"]);
    await journal.append(record(4));
    expect(await takeAll(await open())).toEqual(["j4"]);
  });
});

describe("leaving the disk", () => {
  test("a drained record stays for the grace period of one and the same Redis", async () => {
    const journal = await open({ segmentBytes: 1, graceMs: 30 });
    for (const id of [1, 2]) await journal.append(record(id));
    await takeAll(journal);
    await journal.tellRedis("a");
    expect(segments().length).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 40));
    // The clock stood still: Redis was not seen in between.
    await journal.tellRedis(null);
    await new Promise((resolve) => setTimeout(resolve, 40));
    await journal.tellRedis("a");
    expect(segments().length).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 40));
    await journal.tellRedis("a");
    // The one that is open for writing too: old records do not stand there until it is full.
    expect(segments()).toEqual([]);
  });

  test("a Redis that tells more of itself than 1.0 noted is no other one; where it then tells another mark, it is", async () => {
    const journal = await open();
    await journal.append(record(1));
    await takeAll(journal);
    const told = [];
    for (const redis of [
      "run replication",
      "run replication mark",
      "run replication",
      "run replication mark",
      "run replication another",
    ]) {
      told.push((await journal.tellRedis(redis)).again);
      if (told.at(-1)) journal.publishedAgain();
    }
    expect(told).toEqual([false, false, false, false, true]);
    // So it is noticed too when nobody looked.
    await journal.close();
    const next = await open();
    expect((await next.tellRedis("run replication")).again).toBe(false);
    expect((await next.tellRedis("run replication mark")).again).toBe(true);
  });

  test.each([
    ["another content", "run replication another", true],
    ["a restart that lost it", "run2 replication2 another", true],
    ["a restart that kept it", "run2 replication2 mark", false],
    ["a restart of one of which no mark is known", "run2 replication2", false],
    ["the same", "run replication mark", false],
  ])("%s: whether Redis was emptied is told, also of a time when nobody looked", async (_, redis, emptied) => {
    const journal = await open();
    await journal.tellRedis("run replication mark");
    expect(await journal.tellRedis(redis)).toEqual({ again: false, emptied });
    const other = { directory: join(directory, "..", "other") };
    const earlier = await open(other);
    await earlier.tellRedis("run replication mark");
    await earlier.close();
    expect(await (await open(other)).tellRedis(redis)).toEqual({ again: false, emptied });
  });

  test("when Redis has changed, what has not settled is told to be published again, also after a restart", async () => {
    const journal = await open();
    for (const id of [1, 2, 3]) await journal.append(record(id));
    await takeAll(journal);
    expect((await journal.tellRedis("a")).again).toBe(false);
    await journal.append(record(4));
    expect((await journal.tellRedis("b")).again).toBe(true);
    expect((await journal.tellRedis("b")).again).toBe(false);
    const again = async (from: Journal) => {
      const ids: string[] = [];
      for await (const { id } of from.unsettled()) ids.push(id);
      return ids;
    };
    expect(await again(journal)).toEqual(["j1", "j2", "j3"]);
    await journal.close();

    const restarted = await open();
    expect((await restarted.tellRedis("b")).again).toBe(true);
    expect(await again(restarted)).toEqual(["j1", "j2", "j3"]);
    restarted.publishedAgain();
    expect((await restarted.tellRedis("b")).again).toBe(false);
    expect(await takeAll(restarted)).toEqual(["j4"]);
  });

  test("a stop in the middle of publishing again is remembered: the first Redis of all is another one then", async () => {
    const journal = await open();
    await journal.tellRedis("a");
    await journal.append(record(1));
    await takeAll(journal);
    expect((await journal.tellRedis("b")).again).toBe(true);
    await journal.append(record(2));
    await takeAll(journal);
    await journal.close();
    // Back to "a", which never had the second one.
    const restarted = await open();
    expect((await restarted.tellRedis("a")).again).toBe(true);
    const ids: string[] = [];
    for await (const { id } of restarted.unsettled()) ids.push(id);
    expect(ids).toEqual(["j1", "j2"]);
  });

  test("a record that is on the queue while an earlier one is not is published again too", async () => {
    const journal = await open();
    for (const id of [1, 2, 3]) await journal.append(record(id));
    const entries = [1, 2, 3].map(() => journal.backlog.take());
    await journal.tellRedis("a");
    if (entries[2]) journal.backlog.done(entries[2]);
    expect((await journal.tellRedis("b")).again).toBe(true);
    const ids: string[] = [];
    for await (const { id } of journal.unsettled()) ids.push(id);
    expect(ids).toEqual(["j3"]);
  });

  test("settleAll() leaves nothing behind to be published again", async () => {
    const journal = await open();
    for (const id of [1, 2]) await journal.append(record(id));
    await takeAll(journal);
    await journal.tellRedis("a");
    await journal.close();
    await journal.settleAll("another");
    expect(segments().length).toBeGreaterThan(0);
    await journal.settleAll("a");
    expect(segments()).toEqual([]);
    const restarted = await open();
    expect((await restarted.tellRedis("b")).again).toBe(false);
    await restarted.append(record(3));
    expect(await takeAll(restarted)).toEqual(["j3"]);
    expect(existsSync(join(directory, "damaged"))).toBe(false);
  });
});

describe("behind one record that cannot be published", () => {
  test("the others are drained, the memory holds their places and not them, and it is one trouble", async () => {
    const journal = await open();
    const troubles: string[] = [];
    const published: string[] = [];
    const drain = startDrain({
      journal,
      ...partsOf(journal),
      ...UNHEARD,
      publish: eachBy(async ({ id }) => {
        if (id === "jpoison") throw new Error("NOPERM");
        return id;
      }),
      onPublished: (done) => void published.push(...done.map(({ record }) => record.id)),
      onTrouble: (cause) => void troubles.push(cause.message),
      onRecovered: () => void troubles.push("recovered"),
    });
    await journal.append(record("poison"));
    const ids = Array.from({ length: 500 }, (_, index) => index);
    await Promise.all(ids.map((id) => journal.append(record(id))));
    await eventually(
      () => published.length,
      (length) => length === ids.length,
    );
    expect(troubles).toEqual(["NOPERM"]);
    expect(drain.trouble()?.message).toBe("NOPERM");
    expect(journal.status().records).toBe(1);
    await journal.tellRedis("a");
    expect((await journal.tellRedis("b")).again).toBe(true);
    const again: string[] = [];
    for await (const { id } of journal.unsettled()) again.push(id);
    expect(again.length).toBe(ids.length);
    await drain.stop(100);
    await journal.close();
    // Everything is there at the next start: nothing behind the one that is stuck counts as drained.
    expect((await takeAll(await open())).length).toBe(ids.length + 1);
  });
});

test("a single record does not wait for others, and in a burst batches grow by themselves", async () => {
  const journal = await open();
  const batches: number[] = [];
  const published: string[] = [];
  const drain = startDrain({
    journal,
    ...partsOf(journal),
    ...UNHEARD,
    async publish(records) {
      batches.push(records.length);
      await new Promise((resolve) => setTimeout(resolve, 1));
      return records.map(({ id }) => id);
    },
    onPublished: (done) => void published.push(...done.map(({ record }) => record.id)),
  });
  const drained = (count: number) =>
    eventually(
      () => published.length,
      (length) => length === count,
    );
  await journal.append(record("first"));
  await drained(1);
  expect(batches).toEqual([1]);
  const ids = Array.from({ length: 1_000 }, (_, index) => index);
  await Promise.all(ids.map((id) => journal.append(record(id))));
  await drained(1 + ids.length);
  expect(Math.max(...batches)).toBeGreaterThan(16);
  expect(Math.max(...batches)).toBeLessThanOrEqual(32);
  expect(batches.length).toBeLessThan(ids.length / 8);
  await drain.stop(100);
  await journal.close();
});

test("a record that Redis refuses while it takes others does not fill the journal", async () => {
  const size = encodeRecord(record(1)).byteLength;
  const journal = await open({ maxBytes: 40 * size, graceMs: 0 });
  const drain = startDrain({
    journal,
    ...partsOf(journal),
    ...UNHEARD,
    publish: eachBy(async ({ id }) => {
      if (id === "jrefused") throw new Error("NOPERM");
      return id;
    }),
    movedAfterMs: 10,
  });
  await journal.append(record("refused"));
  for (let index = 0; index < 200; index++) {
    // The relay's part: what is not taken now is sent again.
    await eventually(
      () =>
        journal.append(record(index)).then(
          () => true,
          () => journal.tellRedis("a").then(() => false),
        ),
      (taken) => taken,
    );
    await journal.tellRedis("a");
  }
  await drain.stop(100);
  await journal.close();
  expect((await takeAll(await open())).includes("jrefused")).toBe(true);
});

test("a journal that is smaller than a segment does not fill up with what has been drained", async () => {
  const size = encodeRecord(record(1)).byteLength;
  const journal = await open({ maxBytes: 40 * size, graceMs: 0 });
  for (let index = 0; index < 400; index++) {
    await journal.append(record(index));
    await takeAll(journal);
    for (let tick = 0; tick < 2; tick++) await journal.tellRedis("a");
  }
  expect(journal.status().bytes).toBeLessThan(40 * size);
});
