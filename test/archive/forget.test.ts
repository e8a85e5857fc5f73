/** Forgetting in the archive: what is picked is gone from the disk, and nothing else. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { packAgain, readLine, scanBlocks, unpackBlock } from "../../src/archive/blocks.ts";
import { type Concerns, forgetInArchive } from "../../src/archive/forget.ts";
import {
  archivedIn,
  archiveFiles,
  openArchived,
  type Place,
  placeOfArchive,
  reportAt,
  work,
} from "../support/archive.ts";
import { archiveFile } from "../support/archived.ts";
import { MAY_MOUNT, mountSmall, unmount } from "../support/mounts.ts";

let at: Place;
afterEach(() => at.remove());

const picks =
  (...ids: string[]): Concerns =>
  async (record) =>
    ids.includes(record?.id ?? "");

/** Three files, of more than one block each. */
async function filled(): Promise<void> {
  at = placeOfArchive();
  const { journal, handle, settle } = await openArchived(at);
  for (let file = 0; file < 3; file += 1) {
    await handle(Array.from({ length: 600 }, (_, index) => reportAt(`j${file}-${index}`)));
    await settle();
  }
  await work(at);
  await journal.close();
}

test("records that are picked are gone, all others are as they were, and their blocks say the same times", async () => {
  await filled();
  const before = archivedIn(at);
  const names = archiveFiles(at);
  const contents = names.map((name) => readFileSync(join(at.archive, name)));
  const gone = ["j0-0", "j0-1", "j2-599"];
  const dry = await forgetInArchive(at.archive, picks(...gone), true);
  expect(names.map((name) => readFileSync(join(at.archive, name)))).toEqual(contents);
  const found = await forgetInArchive(at.archive, picks(...gone), false);
  expect([dry, found]).toEqual([
    { records: 3, waiting: 0, damaged: 0 },
    { records: 3, waiting: 0, damaged: 0 },
  ]);
  expect(archivedIn(at)).toEqual(before.filter((line) => !gone.includes(line.split(" ")[0] ?? "")));
  expect(archiveFiles(at)).toEqual(names);
  // The second file has none of them.
  expect(readFileSync(join(at.archive, names[1] ?? ""))).toEqual(contents[1]);
  for (const [index, name] of names.entries()) {
    const heads = (bytes: Buffer) =>
      [...scanBlocks(bytes)].map((one) => one.kind === "block" && [one.head.firstMs, one.head.lastMs]);
    const now = readFileSync(join(at.archive, name));
    expect(heads(now)).toEqual(heads(contents[index] ?? Buffer.of()));
    expect([...scanBlocks(now)].length).toBeGreaterThan(1);
    expect(statSync(join(at.archive, name)).mode & 0o777).toBe(0o600);
  }
  expect(await forgetInArchive(at.archive, picks(...gone), false)).toEqual({ records: 0, waiting: 0, damaged: 0 });
});

test("a file of which nothing stays is removed, and its day with the last one", async () => {
  await filled();
  await forgetInArchive(at.archive, async () => true, false);
  expect(readdirSync(at.archive)).toEqual(["packing"]);
});

test("what is said of a record is searched too, and what cannot be read or waits is told", async () => {
  await filled();
  const [first = ""] = archiveFiles(at);
  const bytes = readFileSync(join(at.archive, first));
  const [block, other] = [...scanBlocks(bytes)];
  if (block?.kind !== "block" || other?.kind !== "block") throw new Error("Not two blocks");
  bytes[block.end - 10] = (bytes[block.end - 10] ?? 0) ^ 1;
  writeFileSync(join(at.archive, first), bytes);
  writeFileSync(join(at.archive, "packing/1-0000000007.journal"), "");
  const ids = unpackBlock(other.packed).map((line) => readLine(line)?.record.id);
  const concerns: Concerns = async (_, text) => text.includes(`"event of ${ids[0]}"`);
  const found = await forgetInArchive(at.archive, concerns, false);
  expect(found).toEqual({ records: 1, waiting: 1, damaged: block.end });
  // The damage stays, for a person, until it expires.
  expect(readFileSync(join(at.archive, first)).subarray(0, block.end)).toEqual(bytes.subarray(0, block.end));
});

test("what is packed while the files are gone through is told, because it was in none of them", async () => {
  await filled();
  const { journal, handle, settle } = await openArchived(at);
  await handle([reportAt("late")]);
  await settle();
  let packed = false;
  const found = await forgetInArchive(
    at.archive,
    async (record) => {
      if (!packed) await work(at);
      packed = true;
      return record?.id === "late";
    },
    false,
  );
  expect([found, archivedIn(at).includes("late queued")]).toEqual([{ records: 0, waiting: 1, damaged: 0 }, true]);
  expect(await forgetInArchive(at.archive, picks("late"), false)).toEqual({ records: 1, waiting: 0, damaged: 0 });
  await journal.close();
});

test("a record of a later version stays as it is, with what became of it, when another of its block goes", async () => {
  at = placeOfArchive();
  const later = '{"record":{"id":"j2","kind":"of-later"},"became":{"at":"2026-01-02T03:04:06.000Z","kind":"of-later"}}';
  const path = archiveFile(at.dataDir, [{ record: reportAt("j1"), became: null }]);
  const [block] = [...scanBlocks(readFileSync(path))];
  if (block?.kind !== "block") throw new Error("Not a block");
  const [first = Buffer.of()] = unpackBlock(block.packed);
  writeFileSync(path, packAgain([first, Buffer.from(later)], block.head));
  expect(await forgetInArchive(at.archive, picks("j1"), false)).toEqual({ records: 1, waiting: 0, damaged: 0 });
  const [now] = [...scanBlocks(readFileSync(path))];
  expect(now?.kind === "block" && [now.head.count, unpackBlock(now.packed).map(String)]).toEqual([1, [later]]);
});

test.runIf(MAY_MOUNT)("on a disk that is full the archive stays as it is, and nothing half made is left", async () => {
  at = placeOfArchive();
  mountSmall(at.dataDir, 4);
  try {
    const { journal, handle, settle } = await openArchived(at);
    await handle([reportAt("gone"), reportAt("kept")]);
    await settle();
    await work(at);
    await journal.close();
    const [name = ""] = archiveFiles(at);
    const path = join(at.archive, name);
    const before = readFileSync(path);
    expect(() => writeFileSync(join(at.dataDir, "filler"), Buffer.alloc(5 * 2 ** 20))).toThrow(/ENOSPC/);
    await expect(forgetInArchive(at.archive, picks("gone"), false)).rejects.toThrow(/ENOSPC/);
    expect([archiveFiles(at), readFileSync(path)]).toEqual([[name], before]);
  } finally {
    unmount(at.dataDir);
  }
});

test("an archive that is not there has nothing", async () => {
  at = placeOfArchive();
  expect(await forgetInArchive(at.archive, async () => true, false)).toEqual({ records: 0, waiting: 0, damaged: 0 });
});
