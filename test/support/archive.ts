/** A journal with an archive behind it, and what is in the archive, read without the code that writes it. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { onTestFinished } from "vitest";
import type { ArchiveFault } from "../../src/archive/fault.ts";
import { createKeeper, type Keeper } from "../../src/archive/keeper.ts";
import { type Work, type Worked, workOff } from "../../src/archive/work.ts";
import type { JournalFault } from "../../src/journal/fault.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import type { SaidRecord } from "../../src/journal/record.ts";
import { takeUpTo } from "./journal.ts";
import { deliveryReport, eventOf } from "./report.ts";
import { saidRecord } from "./said-message.ts";

export const EVENT = eventOf(deliveryReport());
const HEADER = Buffer.from(deliveryReport());

export interface Place {
  readonly dataDir: string;
  readonly archive: string;
  /** Of a process's journal. */
  journal(process?: number): string;
  remove(): void;
}

export function placeOfArchive(dataDir = mkdtempSync(join(tmpdir(), "mm4d-archive-"))): Place {
  const journal = (process = 1) =>
    join(process === 1 ? dataDir : join(dataDir, "processes", String(process)), "journal");
  return {
    dataDir,
    archive: join(dataDir, "archive"),
    journal,
    remove: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

/** One that is removed with the test that asks for it. */
export function place(): Place {
  const made = placeOfArchive();
  onTestFinished(made.remove);
  return made;
}

export interface Archived {
  readonly journal: Journal;
  readonly keeper: Keeper;
  readonly faults: (ArchiveFault | JournalFault)[];
  /** Puts records on the disk, and works them off: each is queued. */
  handle(records: readonly SaidRecord[]): Promise<void>;
  /** Two looks at Redis later, all that was worked off has settled. */
  settle(): Promise<void>;
}

interface Options {
  readonly process?: number;
  readonly maxBytes?: number;
  readonly journalBytes?: number;
  readonly segmentMs?: number;
  readonly graceMs?: number;
}

export async function openArchived(place: Place, options: Options = {}): Promise<Archived> {
  const { process = 1, maxBytes = 1e9, journalBytes = 64 * 1024 * 1024, segmentMs = 60_000, graceMs = 0 } = options;
  const directory = place.journal(process);
  mkdirSync(join(directory, ".."), { recursive: true });
  const faults: (ArchiveFault | JournalFault)[] = [];
  const onFault = (fault: ArchiveFault | JournalFault) => void faults.push(fault);
  const keeper = createKeeper({ archive: place.archive, journal: directory, process, maxBytes, segmentMs, onFault });
  const journal = await openJournal({ directory, maxBytes: journalBytes, graceMs, keeping: keeper, onFault });
  return {
    journal,
    keeper,
    faults,
    async handle(records) {
      await Promise.all(records.map((record) => journal.append(record)));
      const taken = await takeUpTo(journal, records.length);
      keeper.became(
        taken.map(({ record: { id }, start }) => ({
          fate: { id, read: null, kind: "queued", event: { ...EVENT, id: `event of ${id}` } },
          start,
          acknowledged: false,
        })),
      );
      for (const entry of taken) journal.backlog.done(entry);
    },
    async settle() {
      await journal.tellRedis("a");
      await journal.tellRedis("a");
      await journal.tellRedis("a");
    },
  };
}

/** A report of ordinary length, received at this time. */
export function reportAt(id: string, receivedAt = "2026-01-02T03:04:05.678Z"): SaidRecord {
  return saidRecord(id, Buffer.concat([HEADER, Buffer.from(`X-Id: ${id}\r\n`)]), { receivedAt });
}

/** One of four kilobytes, most of which can hardly be packed. */
export function noisyReport(id: string): SaidRecord {
  const { message } = reportAt(id);
  const noise = randomBytes(2_250).toString("base64");
  return saidRecord(id, Buffer.from(`${message.said}X: ${noise}`, "latin1"));
}

/** So many of either kind, with ids from this number on. */
export const reports = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => reportAt(`j${from + index}`));
export const noisy = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => noisyReport(`j${from + index}`));

/** How they stand in the archive, when they were queued. */
export const queued = (from: number, count: number) => reports(from, count).map(({ id }) => `${id} queued`);

/** Does what there is to do, as the thread does. */
export function work(place: Place, more: Partial<Work> = {}): Promise<Worked> {
  const nowMs = Date.parse("2026-01-02T03:10:00.000Z");
  const journals = { 1: place.journal(1), 2: place.journal(2), 3: place.journal(3) };
  return workOff({ archive: place.archive, journals, hours: 72, maxBytes: 1e9, nowMs, ...more });
}

/** The files of the archive, below its directory. */
export function archiveFiles({ archive }: Place): readonly string[] {
  const names = readdirSync(archive, { recursive: true, encoding: "utf8" });
  return names.filter((name) => !statSync(join(archive, name)).isDirectory()).sort();
}

/** What is archived, as "id kind": by the description in blocks.ts, and not with its code. */
export function archivedIn(place: Place): readonly string[] {
  return archiveFiles(place)
    .filter((name) => name.endsWith(".archive"))
    .flatMap((name) => {
      let rest = readFileSync(join(place.archive, name));
      const lines: string[] = [];
      while (rest.byteLength > 0) {
        const feed = rest.indexOf("\n");
        const bytes = Number(rest.toString("latin1", 0, feed).split(" ")[3]);
        lines.push(
          ...brotliDecompressSync(rest.subarray(feed + 1, feed + 1 + bytes))
            .toString()
            .trim()
            .split("\n"),
        );
        rest = rest.subarray(feed + 1 + bytes + 1);
      }
      return lines.map((line) => {
        const { record, became } = JSON.parse(line);
        return `${record.id} ${became === null ? "unknown" : became.kind}`;
      });
    });
}

/** What the archive takes on the disk, in bytes. */
export function bytesOf(place: Place): number {
  return archiveFiles(place).reduce((sum, name) => sum + statSync(join(place.archive, name)).size, 0);
}
