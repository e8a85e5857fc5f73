/** From the journal into the archive: what settles is packed once, whatever comes between. Real files, real kills. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createPacking } from "../../src/archive/packing.ts";
import { inspectJournal } from "../../src/journal/inspect.ts";
import { encodeRecord } from "../../src/journal/record.ts";
import {
  archivedIn,
  archiveFiles,
  bytesOf,
  noisyReport,
  openArchived,
  type Place,
  placeOfArchive,
  reportAt,
  work,
} from "../support/archive.ts";
import { takeUpTo } from "../support/journal.ts";
import { MAY_MOUNT, mountSmall, unmount } from "../support/mounts.ts";
import { eventually } from "../support/redis.ts";
import { PACKING_THREAD } from "../support/service.ts";

const places: Place[] = [];

function place(): Place {
  const made = placeOfArchive();
  places.push(made);
  return made;
}

afterEach(() => {
  for (const made of places.splice(0)) made.remove();
});

const reports = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => reportAt(`j${from + index}`));
const noisy = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => noisyReport(`j${from + index}`));
const queued = (from: number, count: number) => reports(from, count).map(({ id }) => `${id} queued`);

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

test("wherever a kill comes while it is packed, nothing is lost and nothing is there twice", {
  timeout: 240_000,
}, async () => {
  const at = place();
  const { journal, handle, settle } = await openArchived(at);
  await handle(reports(0, 500));
  await settle();
  await journal.close();
  const before = join(at.dataDir, "before");
  cpSync(at.archive, before, { recursive: true });
  const paths = ["packing/1-0000000001.journal", "packing/1-0000000001.fates"].map((name) => join(at.archive, name));
  const file = fileOf(at, before);
  const followed = [join(at.archive, "2026-01-02"), file, `${file}.new`, ...paths].flatMap((path) => ["-P", path]);
  const seen = new Set<string>();
  let kills = 0;
  // strace counts each call by itself.
  for (const call of ["mkdir", "openat", "write", "fsync", "rename", "unlink"]) {
    for (let step = 1, ended = false; !ended; step += 1) {
      rmSync(at.archive, { recursive: true });
      cpSync(before, at.archive, { recursive: true });
      const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${step}`];
      const program = [process.execPath, "--input-type=module", "-e", programOf(at)];
      const { signal, status, stderr, error } = spawnSync("strace", [
        ...["-f", "-qq", "-o", "/dev/null", ...followed, ...inject, ...program],
      ]);
      if (error) throw error;
      ended = signal !== "SIGKILL" && status !== 137;
      if (ended) expect([call, step, status, String(stderr)]).toEqual([call, step, 0, ""]);
      else kills += 1;
      const stands = archiveFiles(at).map((name) => name.replace(/.*\./, ""));
      seen.add(stands.sort().join(" "));
      await work(at);
      expect([call, step, archivedIn(at)]).toEqual([call, step, queued(0, 500)]);
      expect([call, step, archiveFiles(at).filter((name) => !name.endsWith(".fates")).length]).toEqual([call, step, 1]);
    }
  }
  // Among them are: a file half made, one whole beside its segment, and fates that stayed behind their segment.
  expect([...seen]).toEqual(
    expect.arrayContaining(["fates journal", "fates journal new", "archive fates journal", "archive fates", "archive"]),
  );
  expect(kills).toBeGreaterThan(10);
});

/** The program that packs. */
function programOf(at: Place): string {
  return `import { workOff } from ${JSON.stringify(new URL("work.js", PACKING_THREAD).href)};
    await workOff({ archive: ${JSON.stringify(at.archive)}, journals: { 1: ${JSON.stringify(at.journal())} },
      hours: 72, maxBytes: 1e9, nowMs: Date.parse("2026-01-02T03:10:00Z") });`;
}

/** Its name does not depend on what is done. */
function fileOf(at: Place, before: string): string {
  const [, sum = ""] =
    readFileSync(join(before, "packing/1-0000000001.journal"), "latin1").match(/^([0-9a-f]{8}) /) ?? [];
  const time = "20260102T030405678Z";
  return join(at.archive, "2026-01-02", `${time}-${time}-1-0000000001-${sum}.archive`);
}

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

describe("damage", () => {
  test("within a segment is kept aside and told, and the others are archived", async () => {
    const at = place();
    const { journal, handle, settle } = await openArchived(at);
    await handle(reports(0, 3));
    await settle();
    await journal.close();
    const path = join(at.archive, "packing/1-0000000001.journal");
    const length = encodeRecord(reportAt("j0")).byteLength;
    const bytes = readFileSync(path);
    bytes[length + 40] = (bytes[length + 40] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect((await work(at)).faults).toEqual([{ kind: "damaged", segment: 1, offset: length, bytes: length }]);
    expect(archivedIn(at)).toEqual(["j0 queued", "j2 queued"]);
    const [kept = ""] = readdirSync(join(at.journal(), "damaged"));
    expect(readFileSync(join(at.journal(), "damaged", kept))).toEqual(bytes.subarray(length, 2 * length));
  });

  test("a segment that cannot be read is kept aside as a whole, and holds up no other", async () => {
    const at = place();
    const { journal, handle, settle } = await openArchived(at);
    mkdirSync(join(at.archive, "packing/1-0000000009.journal"), { recursive: true });
    await handle(reports(0, 2));
    await settle();
    const { faults } = await work(at);
    expect(faults).toMatchObject([{ kind: "unreadable", segment: 9 }]);
    expect(archivedIn(at)).toEqual(queued(0, 2));
    expect(existsSync(join(at.journal(), "damaged/1-0000000009.journal"))).toBe(true);
    await journal.close();
  });
});

describe("its bounds", () => {
  test("of 5 MB hold at every moment under load, and the newest are there", { timeout: 240_000 }, async () => {
    const at = place();
    const maxBytes = 5_000_000;
    const one = await openArchived(at, { maxBytes });
    const other = await openArchived(at, { maxBytes, process: 2 });
    let most = 0;
    let sent = 0;
    for (let round = 0; round < 120; round += 1) {
      for (const { handle, settle } of [one, other]) {
        await handle(Array.from({ length: 50 }, () => noisyReport(`j${sent++}`)));
        await settle();
        most = Math.max(most, bytesOf(at));
      }
      await work(at, { maxBytes });
      most = Math.max(most, bytesOf(at));
    }
    await work(at, { maxBytes });
    expect(most).toBeLessThanOrEqual(maxBytes);
    // It is not kept by keeping nothing, nor by dropping what waits: that never came near its part.
    expect(bytesOf(at)).toBeGreaterThan(maxBytes / 2);
    expect([...one.faults, ...other.faults]).toEqual([]);
    expect(archivedIn(at)).toContain(`j${sent - 1} queued`);
    expect(archivedIn(at)).not.toContain("j0 queued");
    await one.journal.close();
    await other.journal.close();
  });

  test("hold where nobody packs: the oldest of what waits is given up, and told", async () => {
    const at = place();
    const maxBytes = 4_194_304;
    const { journal, handle, settle, faults } = await openArchived(at, { maxBytes });
    for (let round = 0; round < 20; round += 1) {
      await handle(reports(round * 50, 50));
      await settle();
      expect(bytesOf(at)).toBeLessThanOrEqual(maxBytes / 8);
    }
    expect(faults).toMatchObject([{ kind: "behind" }]);
    await work(at, { maxBytes });
    expect(archivedIn(at).at(-1)).toBe("j999 queued");
    await journal.close();
  });

  test("of hours remove each file when its latest record is older, though its day goes on", async () => {
    const at = place();
    const { journal, handle, settle } = await openArchived(at);
    for (const [id, hour] of [
      ["j1", "01"],
      ["j2", "02"],
      ["j3", "03"],
    ] as const) {
      await handle([reportAt(id, `2026-01-02T${hour}:00:00.000Z`)]);
      await settle();
    }
    const at0 = (time: string) => ({ nowMs: Date.parse(`2026-01-02T${time}Z`), hours: 1 });
    const { dueMs } = await work(at, at0("03:00:00.001"));
    expect(archivedIn(at)).toEqual(["j3 queued"]);
    expect(dueMs).toBe(Date.parse("2026-01-02T04:00:00Z"));
    await work(at, at0("04:00:00.000"));
    expect(archivedIn(at)).toEqual(["j3 queued"]);
    await work(at, at0("04:00:00.001"));
    expect(readdirSync(at.archive)).toEqual(["packing"]);
    await journal.close();
  });

  test("of no hours remove what is there, and what waits", async () => {
    const at = place();
    const { journal, handle, settle } = await openArchived(at);
    await handle(reports(0, 2));
    await settle();
    await work(at);
    await handle(reports(2, 2));
    await settle();
    writeFileSync(join(at.archive, "notes.txt"), "mine");
    expect(await work(at, { hours: 0 })).toEqual({ bytes: 0, oldestMs: null, dueMs: null, faults: [] });
    expect(archiveFiles(at)).toEqual(["notes.txt"]);
    await journal.close();
  });
});

describe("a disk", () => {
  test.skipIf(!MAY_MOUNT)("that is full takes reports as long as the archive has something to give up", async () => {
    const at = place();
    mountSmall(at.dataDir, 4);
    try {
      const { journal, handle, settle, faults } = await openArchived(at, { journalBytes: 8 * 1024 * 1024 });
      for (let round = 0; round < 5; round += 1) {
        await handle(noisy(round * 100, 100));
        await settle();
        await work(at);
      }
      const kept = archivedIn(at).length;
      // Others fill the rest.
      writeUntilFull(join(at.dataDir, "others"));
      for (let round = 5; round < 8; round += 1) await handle(noisy(round * 100, 30));
      expect(faults).toMatchObject([{ kind: "given-up" }]);
      expect(archivedIn(at).length).toBeLessThan(kept);
      expect(journal.status().fault).toBeNull();
      // What is left is for what settles; beyond that reports are refused as before.
      const refused = await handleUntilRefused(handle);
      expect(refused.message).toMatch(/ENOSPC/);
      expect(faults.at(-1)).toMatchObject({ kind: "append-failed" });
      rmSync(join(at.dataDir, "others"));
      await journal.tellRedis("a");
      expect(journal.status().fault).toBeNull();
      await journal.close();
    } finally {
      unmount(at.dataDir);
    }
  });

  test.skipIf(!MAY_MOUNT)("that gets full while the archive is packed loses the oldest of it only", async () => {
    const at = place();
    mountSmall(at.dataDir, 4);
    try {
      const { journal, handle, settle } = await openArchived(at, { journalBytes: 8 * 1024 * 1024 });
      for (let round = 0; round < 4; round += 1) {
        await handle(noisy(round * 100, 100));
        await settle();
        await work(at);
      }
      await handle(noisy(9_000, 100));
      await settle();
      writeUntilFull(join(at.dataDir, "others"));
      const { faults } = await work(at);
      expect(faults.every(({ kind }) => kind === "given-up")).toBe(true);
      expect(faults.length).toBeGreaterThan(0);
      await journal.close();
    } finally {
      unmount(at.dataDir);
    }
  });

  test.skipIf(!MAY_MOUNT)("of its own for the journal, or for the archive, is no hindrance", async () => {
    const at = place();
    mkdirSync(at.journal());
    mountSmall(at.journal(), 4);
    try {
      const { journal, handle, settle, faults } = await openArchived(at);
      await handle(reports(0, 20));
      await settle();
      await work(at);
      expect([faults, archivedIn(at), journal.status().bytes]).toEqual([[], queued(0, 20), 0]);
      expect(readdirSync(at.journal()).sort()).toEqual(["cursor", "in-hand"]);
      await journal.close();
    } finally {
      unmount(at.journal());
    }
  });

  test("that does not take the archive stops no report: it is told once, and nothing stays in the journal", async () => {
    const at = place();
    writeFileSync(at.archive, "a file where the directory should be");
    const { journal, keeper, handle, settle, faults } = await openArchived(at);
    for (let round = 0; round < 3; round += 1) {
      await handle(reports(round, 1));
      await settle();
    }
    expect(faults).toMatchObject([{ kind: "take-failed", segment: 1 }]);
    expect([journal.status().bytes, keeper.fault()]).toEqual([0, "take-failed"]);
    expect(readdirSync(at.journal()).filter((name) => /journal|fates/.test(name))).toEqual([]);
    rmSync(at.archive);
    await handle(reports(7, 1));
    await settle();
    await work(at);
    expect([archivedIn(at), keeper.fault()]).toEqual([["j7 queued"], null]);
    await journal.close();
  });
});

describe("the thread", () => {
  test("packs what is there, tells how the archive is, and ends", async () => {
    const at = place();
    const { journal, handle, settle } = await openArchived(at);
    await handle(reports(0, 100));
    await settle();
    const faults: unknown[] = [];
    const packing = createPacking({
      thread: PACKING_THREAD,
      archive: at.archive,
      hours: 1_000_000,
      maxBytes: 1e9,
      journals: () => ({ 1: at.journal() }),
      onFault: (fault) => void faults.push(fault),
      everyMs: 0,
    });
    await packing.look();
    await eventually(
      () => packing.status().bytes,
      (bytes) => bytes > 0,
    );
    expect(archivedIn(at)).toEqual(queued(0, 100));
    expect(packing.status()).toEqual({
      bytes: bytesOf(at),
      maxBytes: 1e9,
      oldestAt: new Date("2026-01-02T03:04:05.678Z"),
      fault: null,
    });
    // Nothing to do: no thread is begun. Then there is.
    await handle(reports(100, 1));
    await settle();
    await eventually(
      async () => {
        await packing.look();
        return archivedIn(at);
      },
      (found) => found.includes("j100 queued"),
    );
    expect(faults).toEqual([]);
    await packing.close();
    await journal.close();
  });

  test("that cannot write is told once, and tried again", async () => {
    const at = place();
    const { journal, handle, settle } = await openArchived(at);
    await handle(reports(0, 1));
    await settle();
    writeFileSync(join(at.archive, "2026-01-02"), "a file where the day should be");
    const first = await work(at);
    expect(first.faults).toMatchObject([{ kind: "pack-failed" }]);
    expect(archiveFiles(at)).toContain("packing/1-0000000001.journal");
    rmSync(join(at.archive, "2026-01-02"));
    await work(at);
    expect(archivedIn(at)).toEqual(queued(0, 1));
    await journal.close();
  });
});

function writeUntilFull(path: string): void {
  for (const bytes of [65_536, 4_096]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(bytes), { flag: "a" });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOSPC") throw cause;
    }
  }
}

async function handleUntilRefused(handle: (records: ReturnType<typeof noisy>) => Promise<void>): Promise<Error> {
  for (let from = 100_000; ; from += 100) {
    try {
      await handle(noisy(from, 100));
    } catch (cause) {
      return cause as Error;
    }
  }
}
