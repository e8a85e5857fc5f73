/** No peer's records fill the journal: each leaves an eighth of what the others leave. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { JournalFullError } from "../../src/journal/fault.ts";
import { type Journal, type JournalOptions, openJournal } from "../../src/journal/journal.ts";
import { encodeRecord, type JournalRecord } from "../../src/journal/record.ts";
import { type Content, recordOf, takeUpTo } from "../support/journal.ts";

const KINDS: readonly Content["kind"][] = ["event", "message", "quarantine", "acknowledgement", "bounce"];
const MAX_BYTES = 100_000;

let directory: string;
let opened: Journal[];
let records: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-shares-"));
  opened = [];
  records = 0;
});
afterEach(async () => {
  for (const journal of opened) await journal.close();
  rmSync(directory, { recursive: true });
});

async function open(options: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await openJournal({
    directory: join(directory, "journal"),
    maxBytes: MAX_BYTES,
    graceMs: 0,
    onFault: () => {},
    ...options,
  });
  opened.push(journal);
  return journal;
}

/** Of each kind in turn, some hundred bytes. */
function recordFrom(peer: string): JournalRecord {
  const kind = KINDS[records % KINDS.length] ?? "event";
  records += 1;
  const record = recordOf(`j${records}`, { kind, text: "x".repeat(301) });
  switch (record.kind) {
    case "event":
      return {
        ...record,
        event: { ...record.event, data: { ...record.event.data, peer: named(peer, record.event.data) } },
      };
    case "acknowledgement":
      return { ...record, acknowledgement: { ...record.acknowledgement, peer } };
    case "message":
      return { ...record, message: { ...record.message, peer: named(peer, record.message) } };
    case "quarantine":
      return { ...record, message: { ...record.message, peer: named(peer, record.message) } };
    case "bounce":
      return { ...record, message: { ...record.message, peer: named(peer, record.message) } };
  }
}

function named<Peer>(name: string, { peer }: { readonly peer: Peer }): Peer & { name: string } {
  return { ...peer, name };
}

/** Appends a peer's records until one is refused; says how many bytes were taken. */
async function fill(journal: Journal, peer: string): Promise<number> {
  for (let bytes = 0; ; ) {
    const record = recordFrom(peer);
    const cause = await journal.append(record).catch((refused: Error) => refused);
    if (cause === undefined) {
      bytes += encodeRecord(record).byteLength;
      continue;
    }
    expect(cause).toBeInstanceOf(JournalFullError);
    expect(cause).toMatchObject({ name: "JournalFullError", peer });
    return bytes;
  }
}

test("what one peer fills leaves an eighth to the others, of whom each does the same; also after a kill", async () => {
  const first = await open();
  const largest = 2_000;
  const of = (journal: Journal) => journal.status();
  const a = await fill(first, "a");
  expect(a).toBeLessThanOrEqual((MAX_BYTES * 7) / 8);
  expect(a).toBeGreaterThan((MAX_BYTES * 7) / 8 - largest);
  expect(of(first)).toMatchObject({ most: { peer: "a", bytes: a }, waitingBytes: a, bytes: a });

  // Whoever opens it after a kill finds the same.
  const second = await open();
  expect(of(second)).toMatchObject({ most: { peer: "a", bytes: a }, waitingBytes: a, bytes: a });
  const further = await fill(second, "a");
  expect(a + further).toBeLessThanOrEqual((MAX_BYTES * 7) / 8);
  const b = await fill(second, "b");
  expect(b).toBeGreaterThan(((MAX_BYTES - a - further) * 7) / 8 - largest);
  // As whoever was refused, though one record is much of so small a share.
  expect(of(second).usedUp).toEqual(["a", "b"]);
  await expect(second.append(recordFrom("c"))).resolves.toBeUndefined();
});

test("who is refused is told as one whose share is used up, and has room again when what it sent has settled", async () => {
  const journal = await open({ maxBytes: 300_000 });
  await fill(journal, "a");
  await journal.append(recordFrom("b"));
  expect(journal.status().usedUp).toEqual(["a"]);
  await journal.tellRedis("redis");
  for (const entry of await takeUpTo(journal)) journal.backlog.done(entry);
  expect(journal.status()).toMatchObject({ records: 0, waitingBytes: 0, usedUp: ["a"] });
  for (let tick = 0; tick < 3; tick += 1) await journal.tellRedis("redis");
  expect(journal.status()).toMatchObject({ bytes: 0, usedUp: [], most: null });
  expect(await fill(journal, "a")).toBeGreaterThan(250_000);
});

test("what could not be written is nobody's share; what is written meanwhile is", async () => {
  const journal = await open();
  const aside = join(directory, "aside");
  renameSync(join(directory, "journal"), aside);
  writeFileSync(join(directory, "journal"), "in the way");
  const failed = await Promise.allSettled(Array.from({ length: 50 }, () => journal.append(recordFrom("a"))));
  expect(failed.every(({ status }) => status === "rejected")).toBe(true);
  expect(journal.status().most).toBeNull();
  rmSync(join(directory, "journal"));
  renameSync(aside, join(directory, "journal"));
  const all = await Promise.allSettled(Array.from({ length: 500 }, () => journal.append(recordFrom("a"))));
  expect(all.map(({ status }) => status)).toContain("rejected");
  expect(journal.status().bytes).toBeLessThanOrEqual((MAX_BYTES * 7) / 8);
});

test("a record that is larger than any share is taken where its peer has nothing", async () => {
  const journal = await open({ maxBytes: 10_000 });
  const large = recordOf("jlarge", { kind: "quarantine", text: "x".repeat(9_300) });
  await expect(journal.append(large)).resolves.toBeUndefined();
});
