/**
 * What a newer version left behind is refused, untouched, where this one would
 * lose or misread it; what it only adds is kept.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { saveCursor } from "../../src/journal/cursor.ts";
import { inspectJournal } from "../../src/journal/inspect.ts";
import { openJournal } from "../../src/journal/journal.ts";
import { encodeRecord, type JournalRecord } from "../../src/journal/record.ts";
import { segmentPath } from "../../src/journal/segments.ts";
import { journalDirectory, processDirectory } from "../../src/process/directories.ts";
import { takeUpTo } from "../support/journal.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { cleanEnv, runCommand } from "../support/service.ts";
import { UPGRADES } from "./left-behind.ts";

const EVENT = eventOf(deliveryReport());
const KNOWN = encodeRecord({ id: "j1", kind: "event", event: EVENT });
/** A kind that a later version adds, because this one would misread it. */
const UNKNOWN = encodeRecord({ id: "j2", kind: "event2", event: EVENT } as unknown as JournalRecord);
const GO_BACK =
  "must be of a version that this one knows; start the newer one again, and keep reports from it until its journal is empty (mm4d journal status)\n";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** A data directory, and in it the journal of a process. */
function newData(number = 1): { readonly data: string; readonly journal: string } {
  const data = mkdtempSync(join(tmpdir(), "mm4d-downgrade-"));
  directories.push(data);
  const journal = journalDirectory(processDirectory(data, number));
  mkdirSync(journal, { recursive: true });
  return { data, journal };
}

function command(data: string, ...args: readonly string[]): ReturnType<typeof runCommand> {
  // Nobody listens there: it is refused before Redis is looked for.
  const ports = { MM4D_SMTP_PORT: "0", MM4D_ADMIN_PORT: "0", REDIS_URL: "redis://127.0.0.1:1" };
  return runCommand(args, cleanEnv({ MM4D_DATA_DIR: data, ...ports }));
}

function contentOf(journal: string): Readonly<Record<string, string>> {
  const files = readdirSync(journal, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(journal, name)).isFile(),
  );
  const hash = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(journal, name)))
      .digest("hex");
  return Object.fromEntries(files.map((name) => [name, hash(name)]));
}

test("a record of a kind that it does not know: it does not start, says why, and changes nothing", async () => {
  const { data, journal } = newData();
  const path = segmentPath(journal, 1);
  writeFileSync(path, Buffer.concat([KNOWN, UNKNOWN]));
  const before = contentOf(journal);
  const where = `${path}, byte ${KNOWN.byteLength}`;
  expect(await command(data, "serve")).toMatchObject({
    code: 1,
    stderr: `Cannot read the journal: ${where} was written by a newer mm4d, ${GO_BACK}`,
  });
  const { code, stdout } = await command(data, "journal", "verify");
  expect([code, stdout.replace(/\n+ */g, " ")]).toEqual([
    1,
    expect.stringMatching(
      /^0{9}1\.journal, byte \d+: \d+ bytes whole, of a kind that only a newer mm4d knows, not on the queue yet .*A newer mm4d wrote here\. This one does not start before all of that is settled: .*: this mm4d cannot read all of it $/s,
    ),
  ]);
  expect(stdout).not.toMatch(/lost|damaged/);
  expect(contentOf(journal)).toEqual(before);
});

test("a segment of a later format, in a further process's journal too: the same", async () => {
  const { data, journal } = newData(2);
  writeFileSync(join(journal, "0000000007.v2.journal"), "what only the newer one can read");
  const before = contentOf(journal);
  const { code, stderr } = await command(data, "serve");
  expect([code, stderr.split("\n")[0]]).toEqual([
    1,
    `Cannot read the journal: ${journal}/0000000007.v2.journal was written by a newer mm4d, ${GO_BACK.trimEnd()}`,
  ]);
  mkdirSync(journalDirectory(processDirectory(data, 1)), { recursive: true });
  const verified = await command(data, "journal", "verify");
  expect(verified.code).toBe(1);
  expect(verified.stdout).toContain("0000000007.v2.journal: a segment of a newer mm4d, which this one cannot read\n");
  expect((await command(data, "journal", "status")).stdout).toContain("1 segment of a newer mm4d");
  expect(contentOf(journal)).toEqual(before);
});

test("a message as it was said is refused by 1.0.0, and not misread: a line of its form, of a kind that it does not know", async () => {
  // Its program cannot be started here. What it left behind has every kind that it knows.
  const known = new Set<string>();
  for (const number of [1, 2]) {
    const left = journalDirectory(processDirectory(join(UPGRADES, "1.0.0", "disk"), number));
    for await (const found of inspectJournal(left).found()) known.add(found.kind === "record" ? found.record.kind : "");
  }
  expect([...known].sort()).toEqual(["acknowledgement", "bounce", "event", "quarantine"]);

  const record = saidRecord("j1", Buffer.concat([deliveryReport(), Buffer.from([0x0a, 0x0d, 0, 0x80, 0xff])]));
  const line = encodeRecord(record).toString("latin1");
  const [, checksum = "", length, json = ""] = /^([0-9a-f]{8}) (\d+) (.*)\n$/.exec(line) ?? [];
  const bytes = Buffer.from(json, "latin1");
  expect([Number.parseInt(checksum, 16), Number(length)]).toEqual([crc32(bytes), bytes.byteLength]);
  const { id, kind } = JSON.parse(bytes.toString());
  expect([id, known.has(kind)]).toEqual(["j1", false]);

  // This version goes on with it.
  const { journal } = newData();
  writeFileSync(segmentPath(journal, 1), Buffer.concat([KNOWN, encodeRecord(record)]));
  const opened = await openJournal({ directory: journal, maxBytes: 1e8, onFault: ({ kind }) => expect.fail(kind) });
  expect((await takeUpTo(opened)).map((entry) => entry.record.kind)).toEqual(["event", "message"]);
  await opened.close();
});

test("what has settled is nobody's any more, and what a newer version adds to a record goes with it", async () => {
  const { journal } = newData();
  const added = { ...EVENT, data: { ...EVENT.data, added: "by a newer version" } };
  const further = encodeRecord({ id: "j3", kind: "event", event: added });
  writeFileSync(segmentPath(journal, 1), Buffer.concat([KNOWN, UNKNOWN, further]));
  const settled = { segment: 1, offset: KNOWN.byteLength + UNKNOWN.byteLength };
  await saveCursor(journal, { drained: settled, settled, redis: "a b" });
  const faults: unknown[] = [];
  const opened = await openJournal({ directory: journal, maxBytes: 1e8, onFault: (fault) => faults.push(fault) });
  expect((await takeUpTo(opened)).map(({ record }) => record)).toEqual([{ id: "j3", kind: "event", event: added }]);
  expect(faults).toEqual([]);
  await opened.close();

  // On the queue, and not yet safe there: Redis may lose it, and only the newer one could queue it again.
  await saveCursor(journal, { drained: settled, settled: { segment: 1, offset: 0 }, redis: "a b" });
  await expect(
    openJournal({ directory: journal, maxBytes: 1e8, onFault: (fault) => faults.push(fault) }),
  ).rejects.toThrow("was written by a newer mm4d");
});
