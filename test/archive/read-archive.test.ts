/** Reading the archive: all of it once and in order, wherever it stands, and while it moves. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { ArchivedRecord } from "../../src/archive/archived.ts";
import { lineOfMove } from "../../src/archive/fates.ts";
import { archiveDirectory, fatesPath, packingDirectory, packingName } from "../../src/archive/places.ts";
import { type ArchiveReading, readArchive } from "../../src/archive/read-archive.ts";
import type { ArchiveDamage } from "../../src/archive/source.ts";
import { saveCursor } from "../../src/journal/cursor.ts";
import { encodeRecord, receivedAtOf } from "../../src/journal/record.ts";
import { journalDirectory } from "../../src/process/directories.ts";
import { archiveFile, journalSegment, type Kept, queuedAs } from "../support/archived.ts";
import { deliveryReport } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function newData(): string {
  const data = mkdtempSync(join(tmpdir(), "mm4d-archive-"));
  directories.push(data);
  return data;
}

const START = Date.parse("2026-01-02T03:04:05.000Z");
const atMs = (ms: number): string => new Date(START + ms).toISOString();
/** A report that came so many milliseconds after the start. */
function kept(id: string, ms: number, replaced: Partial<Kept> = {}): Kept {
  const receivedAt = atMs(ms);
  const record = saidRecord(id, deliveryReport({ "X-Mms-Message-ID": id }), { receivedAt });
  return { record, became: queuedAs(`r${id}`, receivedAt), ...replaced };
}

interface Read {
  readonly all: readonly ArchivedRecord[];
  readonly ids: readonly string[];
  readonly damage: readonly ArchiveDamage[];
}

async function readAll(
  data: string,
  window: Partial<ArchiveReading> = {},
  onEach: (count: number) => void = () => {},
): Promise<Read> {
  const all: ArchivedRecord[] = [];
  const damage: ArchiveDamage[] = [];
  const reading = { sinceMs: null, untilMs: null, onDamage: (one: ArchiveDamage) => damage.push(one), ...window };
  for await (const one of readArchive(data, reading)) {
    all.push(one);
    onEach(all.length);
  }
  return { all, ids: all.map(({ record }) => record.id), damage };
}

test("a data directory without anything has nothing", async () => {
  expect(await readAll(newData())).toEqual({ all: [], ids: [], damage: [] });
});

test("what is archived comes back as it was, with what became of it", async () => {
  const data = newData();
  const some = [kept("a", 0), kept("b", 1, { became: null }), kept("c", 2)];
  archiveFile(data, some);
  expect((await readAll(data)).all).toEqual(some.map((one) => ({ ...one, at: "archive" })));
});

test("processes, days, packing and journals are one, in the order of receipt", async () => {
  const data = newData();
  const hour = 3_600_000;
  archiveFile(data, [kept("d1", 30 * hour), kept("d2", 31 * hour)], { segment: 3 });
  archiveFile(data, [kept("a1", 0), kept("a4", 40), kept("a5", 3_000)], { segment: 1 });
  archiveFile(data, [kept("a2", 10), kept("a3", 20), kept("b1", 4_000)], { process: 2, segment: 1 });
  const packed = journalSegment(data, [kept("e1", 32 * hour), kept("e3", 32 * hour + 2)], { segment: 4 });
  mkdirSync(packingDirectory(archiveDirectory(data)), { recursive: true });
  const inPacking = (what: "journal" | "fates") =>
    join(packingDirectory(archiveDirectory(data)), packingName(1, 4, what));
  renameSync(packed, inPacking("journal"));
  renameSync(fatesPath(journalDirectory(data), 4), inPacking("fates"));
  journalSegment(data, [kept("e2", 32 * hour + 1), kept("e4", 32 * hour + 3)], { process: 2, segment: 2 });
  journalSegment(data, [kept("f1", 33 * hour), kept("f2", 34 * hour, { became: null })], { segment: 5 });
  const first = encodeRecord(kept("f1", 33 * hour).record).byteLength;
  await saveCursor(journalDirectory(data), {
    drained: { segment: 5, offset: first },
    settled: { segment: 5, offset: 0 },
    redis: null,
  });

  const { all, ids, damage } = await readAll(data);
  expect(ids.join(" ")).toBe("a1 a2 a3 a4 a5 b1 d1 d2 e1 e2 e3 e4 f1 f2");
  expect(damage).toEqual([]);
  expect(Object.fromEntries(all.map(({ record, at }) => [record.id, at]))).toMatchObject({
    d1: "archive",
    e1: "settled",
    e2: "waiting",
    f1: "on-queue",
    f2: "waiting",
  });
  expect(all.filter(({ became }) => became === null).map(({ record }) => record.id)).toEqual(["f2"]);
});

test("a window has what was received in it: its beginning, and not its end", async () => {
  const data = newData();
  archiveFile(data, [kept("a", 0), kept("b", 1_000), kept("c", 2_000)]);
  archiveFile(data, [kept("d", 90_000_000)], { segment: 2 });
  journalSegment(data, [kept("e", 90_000_001)], { segment: 3 });
  const within = async (from: number | null, to: number | null) =>
    (await readAll(data, { sinceMs: from && START + from, untilMs: to && START + to })).ids.join("");
  expect(await within(1_000, 2_000)).toBe("b");
  expect(await within(1_001, null)).toBe("cde");
  expect(await within(null, 90_000_001)).toBe("abcd");
  expect(await within(90_000_001, null)).toBe("e");
  expect(await within(90_000_002, null)).toBe("");
});

test("files outside of the window are not even opened", async () => {
  const data = newData();
  const before = archiveFile(data, [kept("a", 0)]);
  archiveFile(data, [kept("b", 5_000)], { segment: 2 });
  const behind = archiveFile(data, [kept("c", 10_000)], { segment: 3 });
  for (const path of [before, behind]) writeFileSync(path, "no block");
  expect(await readAll(data, { sinceMs: START + 1_000, untilMs: START + 9_000 })).toMatchObject({
    ids: ["b"],
    damage: [],
  });
  expect((await readAll(data)).damage).toHaveLength(2);
});

test("of a record that was written again behind the others there is one", async () => {
  const data = newData();
  const path = journalSegment(data, [kept("a", 0), kept("x", 1, { became: null }), kept("b", 2)]);
  const offset = encodeRecord(kept("a", 0).record).byteLength;
  const fates = fatesPath(journalDirectory(data), 1);
  writeFileSync(fates, readFileSync(fates, "utf8") + lineOfMove("x", offset));
  journalSegment(data, [kept("c", 5), kept("x", 1)], { segment: 2 });
  const { all, ids } = await readAll(data);
  expect(ids).toEqual(["a", "x", "b", "c"]);
  expect(all[1]?.became?.eventId).toBe("rx");
  rmSync(path);
  expect((await readAll(data)).ids).toEqual(["x", "c"]);
});

test("a record that waited for days stands where it was received, and its block is not held for it", async () => {
  const data = newData();
  const day = 86_400_000;
  archiveFile(data, [kept("a", 0), kept("c", 2)]);
  archiveFile(data, [kept("m", day), kept("old", 1), kept("n", day + 1), kept("o", 3 * day)], { segment: 2 });
  archiveFile(data, [kept("n2", day + 2), kept("p", 2 * day)], { process: 2 });
  expect((await readAll(data)).ids).toEqual(["a", "old", "c", "m", "n", "n2", "p", "o"]);
});

test("whatever stands where, all is given once and in order", async () => {
  const one = fc.record({
    ms: fc.nat(5_000_000),
    process: fc.integer({ min: 1, max: 3 }),
    segment: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 60 }), fc.nat(5_000_000), async (records, sinceMs) => {
      const data = newData();
      const by = new Map<string, Kept[]>();
      for (const [index, { ms, process, segment }] of records.entries()) {
        const place = `${process} ${segment}`;
        by.set(place, [...(by.get(place) ?? []), kept(`j${index}`, ms)]);
      }
      for (const [place, some] of by) {
        const [process = 1, segment = 1] = place.split(" ").map(Number);
        (segment === 4 ? journalSegment : archiveFile)(data, some, { process, segment });
      }
      const { all, ids } = await readAll(data, { sinceMs: START + sinceMs });
      const times = all.map(({ record }) => receivedAtOf(record));
      expect(times).toEqual([...times].sort());
      const expected = records.flatMap(({ ms }, index) => (ms >= sinceMs ? [`j${index}`] : []));
      expect([...ids].sort()).toEqual([...expected].sort());
    }),
    { numRuns: 60 },
  );
}, 60_000);

test.each([1, 2, 5, 9, 10])(
  "segments that move into the archive while it is read are given once, from the record %s on",
  async (moment) => {
    const data = newData();
    const of = (segment: number) => [0, 1, 2].map((n) => kept(`j${segment}${n}`, 1_000 * segment + n));
    archiveFile(data, of(1), { segment: 1 });
    for (const segment of [2, 3, 4]) journalSegment(data, of(segment), { segment });
    const packing = packingDirectory(archiveDirectory(data));
    mkdirSync(packing, { recursive: true });
    const journal = journalDirectory(data);
    const toPacking = (segment: number): void => {
      renameSync(fatesPath(journal, segment), join(packing, packingName(1, segment, "fates")));
      renameSync(join(journal, `000000000${segment}.journal`), join(packing, packingName(1, segment, "journal")));
    };
    const toArchive = (segment: number): void => {
      archiveFile(data, of(segment), { segment });
      rmSync(join(packing, packingName(1, segment, "journal")));
      rmSync(join(packing, packingName(1, segment, "fates")));
    };
    const { all, ids, damage } = await readAll(data, {}, (count) => {
      if (count === moment) {
        for (const segment of [2, 3, 4]) toPacking(segment);
        toArchive(2);
      } else if (count === moment + 1) toArchive(3);
    });
    expect(ids).toEqual([1, 2, 3, 4].flatMap((segment) => of(segment).map(({ record }) => record.id)));
    expect(all.map(({ became }) => became === null)).not.toContain(true);
    expect(damage).toEqual([]);
  },
);

test("a segment that is packed and not yet removed is given once", async () => {
  const data = newData();
  const some = [kept("a", 0), kept("b", 0), kept("c", 1)];
  archiveFile(data, some);
  const packing = packingDirectory(archiveDirectory(data));
  mkdirSync(packing);
  const segment = journalSegment(data, some);
  copyFileSync(segment, join(packing, packingName(1, 1, "journal")));
  const { all, ids } = await readAll(data);
  expect(ids).toEqual(["a", "b", "c"]);
  expect(all.every(({ became }) => became !== null)).toBe(true);
});

test("a file that leaves the archive while it is read is told, and all others are given", async () => {
  const data = newData();
  archiveFile(data, [kept("a", 0)]);
  const oldest = archiveFile(data, [kept("b", 1_000)], { segment: 2 });
  archiveFile(data, [kept("c", 2_000)], { segment: 3 });
  const { ids, damage } = await readAll(data, {}, (count) => {
    if (count === 1) rmSync(oldest);
  });
  expect([ids, damage]).toEqual([["a", "c"], [{ kind: "removed", path: oldest }]]);
});

test("a file that is written anew while it is read, without some of its records, gives all others once", async () => {
  const data = newData();
  const many = Array.from({ length: 1_000 }, (_, n) => kept(`j${n}`, n));
  archiveFile(data, many);
  const { ids, damage } = await readAll(data, {}, (count) => {
    // As `mm4d forget` leaves it: under the same name.
    if (count === 10) archiveFile(data, [...many.slice(0, 50), ...many.slice(100)]);
  });
  expect(damage).toEqual([]);
  expect(ids).toEqual([...new Set(ids)]);
  expect(ids.slice(-200)).toEqual(many.slice(-200).map(({ record }) => record.id));
  expect(many.filter(({ record }, n) => (n < 50 || n >= 100) && !ids.includes(record.id))).toEqual([]);
});

test("a damaged block is told with what its line says, and loses itself only", async () => {
  const data = newData();
  const many = Array.from({ length: 1_000 }, (_, n) => kept(`j${n}`, n));
  const path = archiveFile(data, many);
  const whole = readFileSync(path);
  const second = whole.indexOf("\nmm4d-archive 1 ", 10) + 1;
  const [, count = ""] =
    /^mm4d-archive 1 \S+ \d+ \S+ \S+ (\d+)\n/.exec(whole.toString("latin1", second, second + 120)) ?? [];
  const bytes = Buffer.from(whole);
  bytes[second + 200] = (bytes[second + 200] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const { ids, damage } = await readAll(data);
  expect(ids.length).toBe(1_000 - Number(count));
  expect(damage).toEqual([
    {
      kind: "damaged",
      path,
      start: second,
      bytes: expect.any(Number),
      head: { firstMs: expect.any(Number), lastMs: expect.any(Number), count: Number(count) },
    },
  ]);
  const [lost] = damage;
  const head = lost?.kind === "damaged" ? lost.head : null;
  const missing = many
    .filter(({ record }) => !ids.includes(record.id))
    .map(({ record }) => Date.parse(receivedAtOf(record)));
  expect([head?.firstMs, head?.lastMs]).toEqual([Math.min(...missing), Math.max(...missing)]);

  writeFileSync(path, whole);
  truncateSync(path, statSync(path).size - 10);
  const torn = await readAll(data);
  expect(torn.ids).toEqual(many.slice(0, torn.ids.length).map(({ record }) => record.id));
  expect(torn.damage).toHaveLength(1);
});

test("a damaged record of a journal is told, and its torn end is none", async () => {
  const data = newData();
  const path = journalSegment(data, [kept("a", 0), kept("b", 1), kept("c", 2)]);
  const bytes = readFileSync(path);
  const second = encodeRecord(kept("a", 0).record).byteLength;
  bytes[second + 100] = (bytes[second + 100] ?? 0) ^ 1;
  writeFileSync(path, Buffer.concat([bytes, encodeRecord(kept("d", 3).record).subarray(0, 50)]));
  const { ids, damage } = await readAll(data);
  expect([ids, damage.map(({ kind, path: at }) => [kind, basename(at)])]).toEqual([
    ["a", "c"],
    [["damaged", "0000000001.journal"]],
  ]);
});
