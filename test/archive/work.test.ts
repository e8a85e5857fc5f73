/** The archive is kept within its bounds, and gives way on a disk that gets full. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  archivedIn,
  archiveFiles,
  bytesOf,
  noisy,
  openArchived,
  place,
  queued,
  reportAt,
  reports,
  work,
} from "../support/archive.ts";
import { MAY_MOUNT, mountSmall, unmount } from "../support/mounts.ts";

/** Each of four kilobytes: twice of what there is room for. `REPORTS=12000` plays the long version. */
const REPORTS = Number(process.env.REPORTS ?? 4_000);

describe("its bounds", () => {
  test("of 5 MB hold at every moment under load, and the newest are there", { timeout: 240_000 }, async () => {
    const at = place();
    const maxBytes = 5_000_000;
    const one = await openArchived(at, { maxBytes });
    const other = await openArchived(at, { maxBytes, process: 2 });
    let most = 0;
    let sent = 0;
    while (sent < REPORTS) {
      for (const { handle, settle } of [one, other]) {
        await handle(noisy(sent, 50));
        sent += 50;
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
    await onSmallDisk(at.dataDir, async () => {
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
    });
  });

  test.skipIf(!MAY_MOUNT)("that gets full while the archive is packed loses the oldest of it only", async () => {
    const at = place();
    await onSmallDisk(at.dataDir, async () => {
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
    });
  });

  test.skipIf(!MAY_MOUNT)("of its own for the journal, or for the archive, is no hindrance", async () => {
    const at = place();
    mkdirSync(at.journal());
    await onSmallDisk(at.journal(), async () => {
      const { journal, handle, settle, faults } = await openArchived(at);
      await handle(reports(0, 20));
      await settle();
      await work(at);
      expect([faults, archivedIn(at), journal.status().bytes]).toEqual([[], queued(0, 20), 0]);
      expect(readdirSync(at.journal()).sort()).toEqual(["cursor", "in-hand"]);
      await journal.close();
    });
  });

  test.skipIf(!MAY_MOUNT)(
    "of the journal's own that is full costs the archive nothing, which stands elsewhere",
    async () => {
      const at = place();
      mkdirSync(at.journal());
      await onSmallDisk(at.journal(), async () => {
        const { journal, handle, settle, faults } = await openArchived(at);
        await handle(reports(0, 20));
        await settle();
        await work(at);
        writeUntilFull(join(at.journal(), "others"));
        expect((await handleUntilRefused(handle)).message).toMatch(/ENOSPC/);
        expect([faults.map(({ kind }) => kind), archivedIn(at)]).toEqual([["append-failed"], queued(0, 20)]);
        await journal.close();
      });
    },
  );
});

/** A directory that is a disk of 4 MB of its own meanwhile. */
async function onSmallDisk(directory: string, use: () => Promise<void>): Promise<void> {
  mountSmall(directory, 4);
  try {
    await use();
  } finally {
    unmount(directory);
  }
}

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
