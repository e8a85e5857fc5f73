/** The archive as a journal sees it: what settles is taken, with what became of it. Real files. */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { inspectJournal } from "../../src/journal/inspect.ts";
import {
  archivedIn,
  archiveFiles,
  bytesOf,
  openArchived,
  place,
  placeOfArchive,
  queued,
  reportAt,
  reports,
  work,
} from "../support/archive.ts";
import { takeUpTo } from "../support/journal.ts";

test("what has settled leaves the journal, and is found in the archive with what became of it", async () => {
  const at = place();
  const { journal, keeper, handle, settle, faults } = await openArchived(at);
  await handle([reportAt("j1"), reportAt("j2", "2026-01-02T03:04:00.000Z"), reportAt("j3")]);
  await keeper.flush();
  expect(readdirSync(at.journal())).toContain("0000000001.fates");
  expect(inspectJournal(at.journal()).foreign).toEqual([]);
  await settle();
  expect([journal.status().bytes, readdirSync(at.journal()).sort()]).toEqual([0, ["cursor", "in-hand"]]);
  expect(archiveFiles(at)).toEqual(["packing/1-0000000001.fates", "packing/1-0000000001.journal"]);

  const { bytes, oldestMs, faults: found } = await work(at);
  expect([faults, found]).toEqual([[], []]);
  expect(archivedIn(at)).toEqual(["j1 queued", "j2 queued", "j3 queued"]);
  const [name = "", ...others] = archiveFiles(at);
  expect(others).toEqual([]);
  expect(name).toMatch(/^2026-01-02\/20260102T030400000Z-20260102T030405678Z-1-0000000001-[0-9a-f]{8}\.archive$/);
  expect([bytes, oldestMs]).toEqual([bytesOf(at), Date.parse("2026-01-02T03:04:00.000Z")]);
  const modes = ["", "2026-01-02", "packing", name].map((path) => statSync(join(at.archive, path)).mode & 0o777);
  expect(modes).toEqual([0o700, 0o700, 0o700, 0o600]);
  await journal.close();
});

test("a kill takes nothing of what became of records before the cursor; what it does take is not guessed", async () => {
  const at = place();
  const first = await openArchived(at, { graceMs: 60_000 });
  await first.handle(reports(0, 3));
  await first.journal.tellRedis("a");
  // Worked off, and not written yet: the next process finds these waiting, and works them off itself.
  await first.handle(reports(3, 2));
  const killed = placeOfArchive(join(at.dataDir, "killed"));
  mkdirSync(killed.dataDir);
  cpSync(at.journal(), killed.journal(), { recursive: true });

  const next = await openArchived(killed);
  expect(next.journal.status().records).toBe(2);
  for (const entry of await takeUpTo(next.journal, 2)) next.journal.backlog.done(entry);
  await next.settle();
  await work(killed);
  expect(archivedIn(killed)).toEqual([...queued(0, 3), "j3 unknown", "j4 unknown"]);
  await next.journal.close();
  await first.journal.close();
});

test("a record that was moved to the journal's end is archived where it stands then, and once", async () => {
  const at = place();
  const { journal, keeper, handle, settle } = await openArchived(at);
  await journal.append(reportAt("stuck"));
  const [stuck] = await takeUpTo(journal, 1);
  if (!stuck) throw new Error("No record");
  await handle(reports(0, 2));
  await journal.moveToEnd(stuck.record, stuck.start);
  journal.backlog.done(stuck);
  const [moved] = await takeUpTo(journal, 1);
  if (!moved) throw new Error("It was not moved");
  keeper.became([{ fate: { id: "stuck", read: null, kind: "ignored" }, start: moved.start, acknowledged: false }]);
  journal.backlog.done(moved);
  await settle();
  await work(at);
  expect(archivedIn(at)).toEqual([...queued(0, 2), "stuck ignored"]);
  await journal.close();
});

test("a journal that was removed, and counts its segments anew, takes the place of none that waits", async () => {
  const at = place();
  for (const id of ["before", "behind", "last"]) {
    const { journal, handle, settle } = await openArchived(at);
    await handle([reportAt(id)]);
    await settle();
    await journal.close();
    rmSync(at.journal(), { recursive: true });
  }
  expect(readdirSync(join(at.archive, "packing")).filter((name) => name.endsWith(".journal"))).toHaveLength(3);
  await work(at);
  expect(archivedIn(at).toSorted()).toEqual(["before queued", "behind queued", "last queued"]);
});

test("while there is an archive a segment ends after its time, also under load", async () => {
  const at = place();
  const { journal, handle, settle } = await openArchived(at, { segmentMs: 1 });
  for (let round = 0; round < 3; round += 1) {
    await handle(reports(round, 1));
    await wait(5);
  }
  expect(readdirSync(at.journal()).filter((name) => name.endsWith(".journal")).length).toBe(3);
  await settle();
  await work(at);
  expect([archiveFiles(at).length, archivedIn(at)]).toEqual([3, queued(0, 3)]);
  await journal.close();
});

describe("what an earlier process has left", () => {
  test("fates that were moved before their segment come back to it", async () => {
    const at = place();
    const first = await openArchived(at, { graceMs: 60_000 });
    await first.handle(reports(0, 2));
    await first.journal.tellRedis("a");
    await first.journal.close();
    mkdirSync(join(at.archive, "packing"), { recursive: true });
    renameSync(join(at.journal(), "0000000001.fates"), join(at.archive, "packing/1-0000000001.fates"));
    // Those of other processes are left alone, and those of no segment are of no use.
    for (const name of ["2-0000000001.fates", "1-0000000009.fates"])
      writeFileSync(join(at.archive, "packing", name), "");
    writeFileSync(join(at.journal(), "0000000008.fates"), "");

    const next = await openArchived(at);
    await next.settle();
    await work(at);
    expect(archivedIn(at)).toEqual(queued(0, 2));
    expect(archiveFiles(at).filter((name) => name.endsWith(".fates"))).toEqual(["packing/2-0000000001.fates"]);
    expect(existsSync(join(at.journal(), "0000000008.fates"))).toBe(false);
    await next.journal.close();
  });

  test("what settles with the end of a Redis goes there as well", async () => {
    const at = place();
    const { journal, handle } = await openArchived(at);
    await handle(reports(0, 2));
    await journal.tellRedis("a");
    await journal.close();
    await journal.settleAll("a");
    await work(at);
    expect(archivedIn(at)).toEqual(queued(0, 2));
  });
});

test("the segments of several processes are packed by one, and do not meet", async () => {
  const at = place();
  const processes = await Promise.all([1, 2, 3].map((process) => openArchived(at, { process })));
  for (const [index, { handle, settle }] of processes.entries()) {
    await handle(reports(index * 10, 2));
    await settle();
  }
  expect((await work(at, { journals: { 1: at.journal(1), 3: at.journal(3) } })).faults).toEqual([]);
  expect([...archivedIn(at)].sort()).toEqual([...queued(0, 2), ...queued(20, 2)]);
  await work(at);
  expect([...archivedIn(at)].sort()).toEqual([...queued(0, 2), ...queued(10, 2), ...queued(20, 2)]);
  for (const { journal } of processes) await journal.close();
});

test("a disk that does not take the archive stops no report: it is told once, at the start, and nothing stays in the journal", async () => {
  const at = place();
  writeFileSync(at.archive, "a file where the directory should be");
  const { journal, keeper, handle, settle, faults } = await openArchived(at);
  expect([faults, keeper.fault()]).toEqual([[{ kind: "take-failed", cause: expect.any(Error) }], "take-failed"]);
  for (let round = 0; round < 3; round += 1) {
    await handle(reports(round, 1));
    await settle();
  }
  keeper.look();
  expect([journal.status().bytes, keeper.fault(), faults.length]).toEqual([0, "take-failed", 1]);
  expect(readdirSync(at.journal()).filter((name) => /journal|fates/.test(name))).toEqual([]);
  rmSync(at.archive);
  keeper.look();
  expect(keeper.fault()).toBeNull();
  await handle(reports(7, 1));
  await settle();
  await work(at);
  expect(archivedIn(at)).toEqual(["j7 queued"]);
  // What stops it later is told with the first segment, and is over with the next one that is taken.
  rmSync(at.archive, { recursive: true });
  writeFileSync(at.archive, "a file again");
  await handle(reports(8, 1));
  await settle();
  expect(faults.slice(1)).toMatchObject([{ kind: "take-failed", segment: expect.any(Number) }]);
  rmSync(at.archive);
  await handle(reports(9, 1));
  await settle();
  await work(at);
  expect([archivedIn(at), keeper.fault(), faults.length]).toEqual([["j9 queued"], null, 2]);
  await journal.close();
});
