/** A segment is packed once, wherever a kill comes and whatever is damaged. Real files, real kills. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeRecord } from "../../src/journal/record.ts";
import {
  archivedIn,
  archiveFiles,
  openArchived,
  type Place,
  place,
  queued,
  reportAt,
  reports,
  work,
} from "../support/archive.ts";
import { PACKING_THREAD } from "../support/service.ts";

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
