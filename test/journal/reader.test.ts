/** The reader and the recovery alone, over segments written by hand. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { saveCursor } from "../../src/journal/cursor.ts";
import type { JournalFault } from "../../src/journal/fault.ts";
import { removing } from "../../src/journal/keeping.ts";
import { createReader, type Reader } from "../../src/journal/reader.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { type Recovered, recover } from "../../src/journal/recover.ts";
import { createRemoval } from "../../src/journal/removal.ts";
import { segmentPath } from "../../src/journal/segments.ts";
import { createShares } from "../../src/journal/shares.ts";
import { createSizes } from "../../src/journal/sizes.ts";
import { lineOf, recordOf } from "../support/journal.ts";

let directory: string;
let faults: JournalFault[];
let unreadable: number[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-reader-"));
  faults = [];
  unreadable = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const line = (id: string) => lineOf(recordOf(id, { kind: "message", text: "" }));
const LENGTH = line("j1").byteLength;

/** Writes segments, the first of them number 1. Returns their sizes. */
function write(...segments: readonly (readonly Buffer[])[]): Map<number, number> {
  return new Map(
    segments.map((lines, index) => {
      const bytes = Buffer.concat(lines);
      writeFileSync(segmentPath(directory, index + 1), bytes);
      return [index + 1, bytes.byteLength];
    }),
  );
}

function readerOf(sizes: ReadonlyMap<number, number>): Reader {
  return createReader({
    directory,
    sizes: createSizes(sizes, 0),
    onFault: (fault) => faults.push(fault),
    onUnreadable: (segment) => unreadable.push(segment),
  });
}

async function idsIn(records: AsyncGenerator<JournalRecord>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of records) ids.push(id);
  return ids;
}

describe("the reader", () => {
  test("reads a segment, and says where the next one begins", async () => {
    const reader = readerOf(write([line("j1"), line("j2")], [line("j3")]));
    const { entries, next } = await reader.chunk({ segment: 1, offset: LENGTH });
    expect(entries.map(({ record }) => record.id)).toEqual(["j2"]);
    expect(next).toEqual({ segment: 2, offset: 0 });
    expect((await reader.chunk(next)).next).toEqual({ segment: 2, offset: LENGTH });
  });

  test("does not read behind what is safe", async () => {
    write([line("j1"), line("j2")]);
    const { entries } = await readerOf(new Map([[1, LENGTH]])).chunk({ segment: 1, offset: 0 });
    expect(entries.map(({ record }) => record.id)).toEqual(["j1"]);
    expect(faults).toEqual([]);
  });

  test("of a record that has gone with its segment it tells", async () => {
    const reader = readerOf(write([line("j1")]));
    const place = { start: { segment: 1, offset: 0 }, end: { segment: 1, offset: LENGTH } };
    expect((await reader.record(place))?.id).toBe("j1");
    rmSync(segmentPath(directory, 1));
    expect(await reader.record(place)).toBeUndefined();
    expect(faults).toEqual([{ kind: "missing", segment: 1 }]);
  });

  test("what is unsettled is what is drained, and what is done ahead of that", async () => {
    const reader = readerOf(write([line("j1"), line("j2")], [line("j3"), line("j4")]));
    const at = (segment: number, records: number) => ({ segment, offset: records * LENGTH });
    expect(await idsIn(reader.unsettled(at(1, 1), at(2, 0), []))).toEqual(["j2"]);
    expect(await idsIn(reader.unsettled(at(1, 1), at(2, 0), [at(2, 1)]))).toEqual(["j2", "j4"]);
  });

  test("a segment that the disk does not give is left out, and told", async () => {
    const sizes = write([line("j1")], [line("j2")]);
    rmSync(segmentPath(directory, 1));
    mkdirSync(segmentPath(directory, 1));
    const ids = await idsIn(readerOf(sizes).unsettled({ segment: 1, offset: 0 }, { segment: 2, offset: LENGTH }, []));
    expect([ids, unreadable]).toEqual([["j2"], [1]]);
    expect(faults.map(({ kind }) => kind)).toEqual(["unreadable"]);
  });
});

describe("the recovery", () => {
  const recovered: string[] = [];
  const found: string[] = [];
  const recoverAll = (): Promise<Recovered> => {
    recovered.length = 0;
    found.length = 0;
    return recover({
      directory,
      shares: createShares(1_000_000),
      onFault: (fault) => faults.push(fault),
      onFound: (id) => found.push(id),
      onRecovered: ({ id }) => recovered.push(id),
    });
  };

  test("counts what waits behind the cursor", async () => {
    write([line("j1"), line("j2")], [line("j3")]);
    const drained = { segment: 1, offset: LENGTH };
    await saveCursor(directory, { drained, settled: { segment: 0, offset: 0 }, redis: "a" });
    expect(await recoverAll()).toMatchObject({
      records: 2,
      bytes: 2 * LENGTH,
      // Before the first segment there is nothing.
      cursor: { drained, settled: { segment: 1, offset: 0 }, redis: "a" },
    });
    expect(recovered).toEqual(["j2", "j3"]);
    expect(found).toEqual(["j1", "j2", "j3"]);
  });

  test("cuts a torn end and keeps it aside; nothing else of the disk changes", async () => {
    write([line("j1"), line("j2").subarray(0, 20)]);
    expect((await recoverAll()).sizes).toEqual(new Map([[1, LENGTH]]));
    expect(statSync(segmentPath(directory, 1)).size).toBe(LENGTH);
    expect(readdirSync(join(directory, "damaged"))).toHaveLength(1);
    expect(faults).toEqual([{ kind: "torn", segment: 1, offset: LENGTH, bytes: 20 }]);
  });

  test("refuses what a newer mm4d wrote", async () => {
    write([lineOf({ id: "j1", kind: "later" } as unknown as JournalRecord)]);
    await expect(recoverAll()).rejects.toThrow("was written by a newer mm4d");
  });
});

describe("the removal", () => {
  test("leaves what has not settled and what is open, and sets aside what cannot be read", async () => {
    const sizes = createSizes(write([line("j1")], [line("j2")], [line("j3")], [line("j4")]), 0);
    const onFault = (fault: JournalFault) => void faults.push(fault);
    const removal = createRemoval({ keeping: removing(directory), sizes, shares: createShares(1_000_000), onFault });
    removal.setAsideLater(2);
    await removal.removeSettled({ segment: 3, offset: LENGTH }, (segment) => segment === 3);
    expect(sizes.segments()).toEqual([3, 4]);
    expect(readdirSync(join(directory, "damaged"))).toEqual(["0000000002.journal"]);
    expect(existsSync(segmentPath(directory, 1))).toBe(false);
    expect(sizes.total()).toBe(2 * LENGTH);
  });

  test("of a segment that cannot be removed it tells once, and tries again", async () => {
    const sizes = createSizes(write([line("j1")]), 0);
    const onFault = (fault: JournalFault) => void faults.push(fault);
    const removal = createRemoval({ keeping: removing(directory), sizes, shares: createShares(1_000_000), onFault });
    rmSync(segmentPath(directory, 1));
    mkdirSync(segmentPath(directory, 1));
    const remove = () => removal.removeSettled({ segment: 2, offset: 0 }, () => false);
    for (let tick = 0; tick < 2; tick++) await remove();
    expect(faults.map(({ kind }) => kind)).toEqual(["remove-failed"]);
    rmSync(segmentPath(directory, 1), { recursive: true });
    await remove();
    expect(sizes.segments()).toEqual([]);
  });
});
