/** The writer alone: real files, and none of what the journal does with them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Entry } from "../../src/journal/backlog.ts";
import type { JournalFault } from "../../src/journal/fault.ts";
import { createShares } from "../../src/journal/shares.ts";
import { createSizes, type Sizes } from "../../src/journal/sizes.ts";
import { createWriter, type Writer, type WriterOptions } from "../../src/journal/writer.ts";
import { lineOf, recordOf } from "../support/journal.ts";

let directory: string;
let sizes: Sizes;
let kept: Entry[];
let faults: JournalFault[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-writer-"));
  sizes = createSizes(new Map(), 0);
  kept = [];
  faults = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function writerOf(options: Partial<WriterOptions> = {}): Writer {
  return createWriter({
    directory,
    segmentBytes: 1_000_000,
    sizes,
    shares: createShares(1_000_000),
    hold: async () => {},
    onFault: (fault) => faults.push(fault),
    onSynced: () => {},
    onKept: (entry) => kept.push(entry),
    ...options,
  });
}

const recordNamed = (id: string) => recordOf(id, { kind: "message", text: "" });

function enqueue(writer: Writer, id: string): Promise<void> {
  return writer.enqueue(recordNamed(id));
}

test("what waits while the disk is written goes into one write, in order", async () => {
  let writes = 0;
  const writer = writerOf({
    onSynced: () => {
      writes += 1;
    },
  });
  await Promise.all(["j1", "j2", "j3"].map((id) => enqueue(writer, id)));
  expect(writes).toBe(2);
  expect(kept.map(({ record }) => record.id)).toEqual(["j1", "j2", "j3"]);
  expect(kept.map(({ start }) => start.offset)).toEqual([0, kept[0]?.end.offset, kept[1]?.end.offset]);
  const lines = ["j1", "j2", "j3"].map((id) => lineOf(recordNamed(id)));
  expect(readFileSync(join(directory, "0000000001.journal"))).toEqual(Buffer.concat(lines));
  expect(sizes.end()).toEqual(kept[2]?.end);
  await writer.close();
});

test("whose record is on the disk finds it free, at once", async () => {
  const writer = writerOf();
  await enqueue(writer, "j1");
  await writer.endSettled(sizes.end());
  expect(writer.isOpen(1)).toBe(false);
});

test("a segment of which not all has settled stays open", async () => {
  const writer = writerOf();
  await enqueue(writer, "j1");
  await writer.endSettled({ segment: 1, offset: sizes.of(1) - 1 });
  expect(writer.isOpen(1)).toBe(true);
  await writer.close();
});

test("a record in a segment that was removed is not kept, and the next one begins another", async () => {
  const writer = writerOf();
  await enqueue(writer, "j1");
  rmSync(join(directory, "0000000001.journal"));
  await expect(enqueue(writer, "j2")).rejects.toThrow("0000000001.journal was removed");
  expect(writer.fault()).not.toBeNull();
  await enqueue(writer, "j3");
  expect(writer.fault()).toBeNull();
  expect(kept.map(({ record, start }) => [record.id, start.segment])).toEqual([
    ["j1", 1],
    ["j3", 2],
  ]);
  expect(faults.map(({ kind }) => kind)).toEqual(["append-failed", "append-recovered"]);
  await writer.close();
});

test("a number whose segment could not be begun is not used again", async () => {
  let refused = 1;
  const hold = async () => {
    if (refused-- > 0) throw new Error("Not ours");
  };
  const writer = writerOf({ hold });
  await expect(enqueue(writer, "j1")).rejects.toThrow("Not ours");
  expect(readdirSync(directory)).toEqual([]);
  await enqueue(writer, "j2");
  expect(readdirSync(directory)).toEqual(["0000000002.journal"]);
  await writer.close();
});

test("nothing is begun in a directory that is no longer ours", async () => {
  const writer = writerOf({ hold: () => Promise.reject(new Error("Not ours")), segmentBytes: 1 });
  for (const id of ["j1", "j2"]) await expect(enqueue(writer, id)).rejects.toThrow("Not ours");
  await writer.tryDisk();
  expect(readdirSync(directory)).toEqual([]);
  expect(writer.fault()?.message).toBe("Not ours");
});

test("after a fault the disk is tried with a burst of reports, and what comes meanwhile is written then", async () => {
  let failing = true;
  const hold = async () => {
    if (failing) throw new Error("Not ours");
  };
  const writer = writerOf({ hold, segmentBytes: 16 * 1024 * 1024 });
  await expect(enqueue(writer, "j1")).rejects.toThrow("Not ours");
  failing = false;
  // What was written to the probe stays when the probe is removed.
  const written = join(directory, "written");
  symlinkSync(written, join(directory, "probe"));
  const tried = writer.tryDisk();
  const appended = enqueue(writer, "j2");
  await tried;
  expect(faults.map(({ kind }) => kind)).toEqual(["append-failed", "append-recovered"]);
  await appended;
  expect(kept.map(({ record }) => record.id)).toEqual(["j2"]);
  expect(readdirSync(directory)).not.toContain("probe");
  expect(statSync(written).size).toBe(1024 * 1024);
  await writer.close();
});
