/**
 * Puts records on the disk: one synced write for all that wait.
 *
 *   enqueue → one synced write for all that wait → kept → 250
 *
 * One thing uses the disk at a time: the write, the test after a fault, or the end
 * of a segment. Records that come meanwhile wait until it is done.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Entry } from "./backlog.ts";
import { type CurrentSegmentOptions, createCurrentSegment } from "./current-segment.ts";
import { isFullDisk, type OnFault } from "./fault.ts";
import type { Keeping } from "./keeping.ts";
import { createLines, type Lines } from "./lines.ts";
import { type JournalRecord, peerOf, writeRecord } from "./record.ts";
import { isBefore, type Position, tryDirectory } from "./segments.ts";
import type { Shares } from "./shares.ts";

export interface WriterOptions extends CurrentSegmentOptions {
  readonly makeRoom?: Keeping["makeRoom"];
  readonly shares: Shares;
  readonly onFault: OnFault;
  /** After each synced write: how long it took, in milliseconds. */
  readonly onSynced: (tookMs: number) => void;
  /** A record is on the disk. */
  readonly onKept: (entry: Entry) => void;
}

export interface Writer {
  /**
   * Resolves once the record is on the disk. Rejects when it is not: then nothing was promised. `refusalOf`: asked
   * first, with the bytes that it takes, whether it is refused.
   */
  enqueue(record: JournalRecord, refusalOf?: RefusalOf): Promise<void>;
  /** How many records were enqueued. */
  appended(): number;
  /** The bytes that wait for the write under way to end. */
  waitingBytes(): number;
  /** Why the last write failed; null when it did not. */
  fault(): Error | null;
  /** Tests the disk after a failed write, because a service that is not ready gets no reports to test it with. */
  tryDisk(): Promise<void>;
  /** Ends the open segment when all of it has settled, because old records must not stay for days until it is full. */
  endSettled(settled: Position): Promise<void>;
  /** Whether this segment is the one being written. */
  isOpen(segment: number): boolean;
  /** Waits for the write under way, and ends the open segment. */
  close(): Promise<void>;
}

/** Why a record is refused; undefined when it is not. */
export type RefusalOf = (record: JournalRecord, lineBytes: number) => Error | undefined;

/** Records that go to the disk in one write. */
interface Batch {
  readonly records: JournalRecord[];
  /** How many bytes each of them takes. */
  readonly lineBytes: number[];
  readonly lines: Lines;
  /** One for all of them, because it settles for all of them at once. */
  readonly kept: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

const SLOW_WRITE_MS = 2_000;
/** The test writes this much, because a disk with less free would be full again at once. */
const TRIED_BYTES = 1024 * 1024;

export function createWriter(options: WriterOptions): Writer {
  const { directory, segmentBytes, hold, shares, onFault, onSynced, onKept, makeRoom = async () => false } = options;
  const current = createCurrentSegment(options);
  const disk = createDiskState(onFault);
  /** What waits, for the next write. */
  let gathering = batchOf(createLines());
  /** For those that come while these are written. */
  let spareLines = createLines();
  let appended = 0;
  /** What uses the disk now. */
  let busy: Promise<void> | undefined;

  function startFlush(): void {
    if (!busy && gathering.records.length > 0) busy = flush();
  }

  /** Uses the disk for other work. Only called while nothing uses it. */
  async function occupy(work: Promise<void>): Promise<void> {
    busy = work;
    await work;
    busy = undefined;
    startFlush();
  }

  async function flush(): Promise<void> {
    while (gathering.records.length > 0) {
      const batch = gathering;
      const { lines } = batch;
      gathering = batchOf(spareLines);
      // A disk that does not answer is reported long before its write fails.
      const slow = setTimeout(
        () => disk.failed(new Error(`The disk has not answered for ${SLOW_WRITE_MS} ms`)),
        SLOW_WRITE_MS,
      );
      try {
        const beganMs = performance.now();
        const start = await write(lines.bytes());
        onSynced(performance.now() - beganMs);
        disk.recovered();
        keep(batch, start);
      } catch (cause) {
        disk.failed(cause as Error);
        for (const [index, record] of batch.records.entries())
          shares.broken(peerOf(record), batch.lineBytes[index] ?? 0);
        batch.reject(cause as Error);
      } finally {
        clearTimeout(slow);
        lines.clear();
        spareLines = lines;
      }
      // What has come in this turn goes along: a write costs as much for one record as for twenty.
      if (gathering.records.length > 0) await nextTurn();
    }
    // Here and not after the promise, because a caller whose append has just resolved must find the disk free.
    busy = undefined;
  }

  /** No report is refused for want of room on the disk while something can be given up for it. */
  async function write(bytes: Buffer): Promise<Position> {
    for (;;) {
      try {
        return await current.write(bytes);
      } catch (cause) {
        await current.close();
        if (!isFullDisk(cause as Error) || !(await makeRoom())) throw cause;
      }
    }
  }

  /** These records are on the disk. From here on we are responsible for them (RFC 5321 §6.1). */
  function keep({ records, lineBytes, resolve }: Batch, from: Position): void {
    const { segment } = from;
    let start = from;
    for (const [index, record] of records.entries()) {
      const bytes = lineBytes[index] ?? 0;
      const end = { segment, offset: start.offset + bytes };
      shares.arrived(segment, peerOf(record), bytes);
      onKept({ record, start, end });
      start = end;
    }
    resolve();
  }

  return {
    enqueue(record, refusalOf) {
      const { records, lineBytes, lines, kept } = gathering;
      const bytes = writeRecord(record, lines);
      const refusal = refusalOf?.(record, bytes);
      if (refusal) return Promise.reject(refusal);
      lines.add(bytes);
      appended += 1;
      shares.promised(peerOf(record), bytes);
      records.push(record);
      lineBytes.push(bytes);
      startFlush();
      return kept;
    },
    appended: () => appended,
    waitingBytes: () => gathering.lines.byteLength(),
    fault: disk.fault,
    async tryDisk() {
      if (disk.fault() === null || busy) return;
      const tried = tryDirectory(directory, Math.min(TRIED_BYTES, segmentBytes), hold);
      await occupy(tried.then(disk.recovered, disk.failed));
    },
    async endSettled(settled) {
      const end = current.end();
      if (!end || end.offset === 0 || busy || isBefore(settled, end)) return;
      await occupy(current.close());
    },
    isOpen: (segment) => segment === current.end()?.segment,
    async close() {
      await busy;
      await current.close();
    },
  };
}

function batchOf(lines: Lines): Batch {
  let settle: Pick<Batch, "resolve" | "reject"> = { resolve() {}, reject() {} };
  const kept = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { records: [], lineBytes: [], lines, kept, ...settle };
}

/** Whether the disk takes writes. Reports a fault once, and its end once. */
function createDiskState(onFault: OnFault) {
  let fault: Error | null = null;
  return {
    fault: (): Error | null => fault,
    failed(cause: Error): void {
      const first = fault === null;
      fault = cause;
      if (first) onFault({ kind: "append-failed", cause });
    },
    recovered(): void {
      if (fault === null) return;
      fault = null;
      onFault({ kind: "append-recovered" });
    },
  };
}
