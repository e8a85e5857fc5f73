/** The thread that packs what waits. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createPacking } from "../../src/archive/packing.ts";
import { archivedIn, archiveFiles, bytesOf, openArchived, place, queued, reports, work } from "../support/archive.ts";
import { eventually } from "../support/redis.ts";
import { PACKING_THREAD } from "../support/service.ts";

test("the thread packs what is there, tells how the archive is, and ends", async () => {
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

test("what cannot be written is told, and packed the next time", async () => {
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
