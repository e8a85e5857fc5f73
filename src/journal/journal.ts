/**
 * The journal: what a report's 250 stands on.
 *
 *   append → one synced write for all that wait → 250 → backlog → drain → settled → removed
 *
 * A record is promised once `append` resolves: it is then on the disk, and
 * nothing that happens to this process or to Redis loses it.
 */
import { truncateSync, write } from "node:fs";
import { constants as osConstants } from "node:os";
import { join } from "node:path";
import type { Backlog, Chunk, Entry, Place } from "./backlog.ts";
import { createBacklog } from "./backlog.ts";
import { hasCursor, loadCursor, saveCursor } from "./cursor.ts";
import { decodeRecord, encodeRecord, type JournalRecord, peerOf, scanRecords } from "./record.ts";
import { createRetention, type RedisNews } from "./retention.ts";
import {
  beginSegment,
  endSegment,
  isBefore,
  isLinked,
  listSegments,
  makeDirectory,
  newerSegments,
  type OpenSegment,
  type Position,
  readSegment,
  removeSegment,
  segmentPath,
  setAside,
  setSegmentAside,
  tryDirectory,
} from "./segments.ts";
import { createShares, type Shares } from "./shares.ts";

/** What the person on call should hear of. */
export type JournalFault =
  /** The end of a segment was never written whole; it was cut off, and its sender was never told 250. */
  | { readonly kind: "torn"; readonly segment: number; readonly offset: number; readonly bytes: number }
  /** Bytes that are no record stand between records; they were copied to `damaged/`. */
  | { readonly kind: "damaged"; readonly segment: number; readonly offset: number; readonly bytes: number }
  /** A record could not be made safe; those who wait get 451 until `append-recovered`. */
  | { readonly kind: "append-failed"; readonly cause: Error }
  | { readonly kind: "append-recovered" }
  /** Somebody removed or cut a segment with records that were still to be drained. */
  | { readonly kind: "missing"; readonly segment: number }
  /** A segment that was drained cannot be read, now that it should be published again; it is kept in `damaged/`. */
  | { readonly kind: "unreadable"; readonly segment: number; readonly cause: Error }
  /** A segment that is no longer needed could not be removed. */
  | { readonly kind: "remove-failed"; readonly segment: number; readonly cause: Error }
  /** How far the journal is drained could not be noted; a restart would drain more again. */
  | { readonly kind: "cursor-failed"; readonly cause: Error }
  /** How far the journal was drained cannot be read: what is in it is drained again. */
  | { readonly kind: "cursor-unreadable" };

export interface JournalOptions {
  readonly directory: string;
  /** Largest size on the disk, in bytes. */
  readonly maxBytes: number;
  /** A segment is ended when it reaches this size, in bytes. */
  readonly segmentBytes?: number;
  /** How many bytes of waiting records are kept in memory, as they are on the disk. */
  readonly memoryBytes?: number;
  /** How long a drained record stays, in milliseconds of a reachable Redis. */
  readonly graceMs?: number;
  /** Rejects when the directory is no longer ours; asked before anything new is begun in it. */
  readonly hold?: () => Promise<void>;
  readonly onFault: (fault: JournalFault) => void;
  /** Each record that an earlier process left and that is not on the queue yet, before the journal is open. */
  readonly onRecovered?: (record: JournalRecord) => void;
  /** After each synced write: how long it took, in milliseconds. */
  readonly onSynced?: (tookMs: number) => void;
}

export interface JournalStatus {
  /** On the disk, drained records that have not settled among them. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Not yet on the queue. */
  readonly records: number;
  /** The bytes of these. */
  readonly waitingBytes: number;
  /** Peers whose share is used up: their records are refused. */
  readonly usedUp: readonly string[];
  /** Whose records take most of it; null when there are none. */
  readonly most: { readonly peer: string; readonly bytes: number } | null;
  /** When the record that has waited longest was received; null when none waits. */
  readonly oldestAt: Date | null;
  /** Why the last append failed; null when it did not. */
  readonly fault: Error | null;
}

export interface Journal {
  /** Resolves once the record is on the disk. Rejects when it is not: then nothing was promised. */
  append(record: JournalRecord): Promise<void>;
  readonly backlog: Backlog;
  /** A record that was taken from the backlog and is not done, from the disk. Undefined when it is not there any more, which is told. */
  read(place: Place): Promise<JournalRecord | undefined>;
  /** How many records were appended since the start. */
  appended(): number;
  status(): JournalStatus;
  /**
   * Tells which Redis is there, about once a second; see retention.ts. `again`:
   * publish `unsettled()` again. Nothing may be drained before it was told of one.
   */
  noteRedis(redis: string | null): Promise<RedisNews>;
  /** What is drained and has not settled, from the disk. */
  unsettled(): AsyncGenerator<JournalRecord>;
  publishedAgain(): void;
  /**
   * Everything drained is safe for good, because this Redis has ended with all of
   * it on its disk. Does nothing when some of it went into another one.
   */
  settleAll(redis: string): Promise<void>;
  /** Appends a record that is in the journal already, so that its old place can be let go; no limit keeps it out. */
  moveToEnd(record: JournalRecord): Promise<void>;
  /** Waits for the write under way and closes the files. */
  close(): Promise<void>;
}

/** The journal is at its limit, or what one peer may have of it is used up. The relay is asked to come again. */
export class JournalFullError extends Error {
  override readonly name = "JournalFullError";
  /** Whose share is used up: others' records are taken. Null when no record is. */
  readonly peer: string | null;
  constructor(message: string, peer: string | null = null) {
    super(message);
    this.peer = peer;
  }
}

const SEGMENT_BYTES = 16 * 1024 * 1024;
const SEGMENTS_AT_LEAST = 16;
const MEMORY_BYTES = 32 * 1024 * 1024;
const GRACE_MS = 60_000;
const CHUNK_BYTES = 1024 * 1024;
const SLOW_WRITE_MS = 2_000;
/** The disk takes writes again when it takes this much: with less free it would be full again at once. */
const TRIED_BYTES = 1024 * 1024;
/** Reading fails for want of something of this process's or the system's, and not of the file's: it is tried again. */
const OURS_TO_MEND = ["EMFILE", "ENFILE", "ENOMEM", "EAGAIN"];
/** More than this waits only when the disk hangs. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Opens the journal, and recovers what an earlier process left in it. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { directory, maxBytes, onFault, onSynced = () => {}, hold = async () => {} } = options;
  // A segment leaves the disk as a whole, so a small journal needs small ones.
  const segmentBytes = options.segmentBytes ?? Math.min(SEGMENT_BYTES, Math.floor(maxBytes / SEGMENTS_AT_LEAST));
  await makeDirectory(directory);
  const shares = createShares(maxBytes);
  const { sizes, cursor, records, bytes } = await recover(options, shares);

  /** Bytes that are safe, by segment. What a failed write left behind them is not counted and never read. */
  const segments = new Map(sizes);
  let nextSegment = Math.max(0, cursor.drained.segment, ...segments.keys()) + 1;
  let open: OpenSegment | undefined;
  let totalBytes = [...segments.values()].reduce((sum, bytes) => sum + bytes, 0);
  let fault: Error | null = null;
  let saved = cursor;
  let cursorFailed = false;
  const notRemoved = new Set<number>();
  const unreadable = new Set<number>();

  interface Waiting {
    readonly record: JournalRecord;
    readonly line: Buffer;
    readonly resolve: () => void;
    readonly reject: (cause: Error) => void;
  }
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let appended = 0;
  let flushing: Promise<void> | undefined;

  const retention = createRetention(cursor, options.graceMs ?? GRACE_MS);
  const backlog = createBacklog({
    from: cursor.drained,
    records,
    bytes,
    memoryBytes: options.memoryBytes ?? MEMORY_BYTES,
    read: readChunk,
    end: durableEnd,
  });

  function durableEnd(): Position {
    const segment = Math.max(cursor.drained.segment, ...segments.keys());
    return { segment, offset: segments.get(segment) ?? 0 };
  }

  function enqueue(record: JournalRecord, line: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      appended += 1;
      shares.promised(peerOf(record), line.byteLength);
      waiting.push({ record, line, resolve, reject });
      waitingBytes += line.byteLength;
      startFlush();
    });
  }

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      waitingBytes = 0;
      // A disk that does not answer is a fault long before it fails.
      const slow = setTimeout(
        () => told(new Error(`The disk has not answered for ${SLOW_WRITE_MS} ms`)),
        SLOW_WRITE_MS,
      );
      try {
        const beganMs = performance.now();
        const start = await writeSynced(Buffer.concat(batch.map(({ line }) => line)));
        onSynced(performance.now() - beganMs);
        recovered();
        promise(batch, start);
      } catch (cause) {
        told(cause as Error);
        for (const { record, line, reject } of batch) {
          shares.broken(peerOf(record), line.byteLength);
          reject(cause as Error);
        }
        await endOpen();
      } finally {
        clearTimeout(slow);
      }
    }
    // At once and not when the promise has settled: whoever appends in between must find that nobody writes.
    flushing = undefined;
  }

  function told(cause: Error): void {
    const first = fault === null;
    fault = cause;
    if (first) onFault({ kind: "append-failed", cause });
  }

  function recovered(): void {
    if (fault === null) return;
    fault = null;
    onFault({ kind: "append-recovered" });
  }

  /** These records are on the disk. RFC 5321 §6.1: from here on they are ours to lose. */
  function promise(batch: readonly Waiting[], from: Position): void {
    let { offset } = from;
    for (const { record, line, resolve } of batch) {
      const start = { segment: from.segment, offset };
      offset += line.byteLength;
      shares.arrived(from.segment, peerOf(record), line.byteLength);
      backlog.add({ record, start, end: { segment: from.segment, offset } });
      resolve();
    }
  }

  async function writeSynced(bytes: Buffer): Promise<Position> {
    if (open && open.bytes > 0 && open.bytes + bytes.byteLength > segmentBytes) await endOpen();
    if (!open) {
      // Counted first: a number whose file was made and could not be synced is not tried again.
      const segment = nextSegment;
      nextSegment += 1;
      open = await beginSegment(directory, segment, hold);
    }
    const segment = open;
    await writeAll(segment.file.fd, bytes);
    if (!isLinked(segment))
      throw new Error(`Cannot keep the record: ${segmentPath(directory, segment.segment)} was removed`);
    const start = { segment: segment.segment, offset: segment.bytes };
    segment.bytes += bytes.byteLength;
    segments.set(segment.segment, segment.bytes);
    totalBytes += bytes.byteLength;
    return start;
  }

  async function endOpen(): Promise<void> {
    const ended = open;
    open = undefined;
    // When it cannot be cut, the disk is at fault already, and has been reported; recovery cuts what stayed.
    if (ended) await endSegment(directory, ended).catch(() => {});
  }

  /** After a failed write: tries the disk, because a service that is not ready gets no reports to try it with. */
  async function tryDisk(): Promise<void> {
    if (fault === null || flushing) return;
    flushing = tryDirectory(directory, Math.min(TRIED_BYTES, segmentBytes), hold).then(recovered, told);
    await flushing;
    flushing = undefined;
    startFlush();
  }

  function startFlush(): void {
    if (!flushing && waiting.length > 0) flushing = flush();
  }

  async function readChunk(from: Position): Promise<Chunk> {
    const size = segments.get(from.segment) ?? 0;
    let entries: Entry[] = [];
    let offset = from.offset;
    try {
      // A record may be longer than one chunk: a quarantined message has megabytes.
      for (let length = CHUNK_BYTES; entries.length === 0 && offset < size; length *= 4) {
        const bytes = await readSegment(directory, { segment: from.segment, offset }, Math.min(length, size - offset));
        const whole = offset + bytes.byteLength >= size || bytes.byteLength < length;
        ({ entries, offset } = await entriesOf(bytes, { segment: from.segment, offset }, whole));
        if (bytes.byteLength === 0) {
          onFault({ kind: "missing", segment: from.segment });
          offset = size;
        }
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
      onFault({ kind: "missing", segment: from.segment });
      offset = size;
    }
    const next = { segment: from.segment, offset };
    if (offset < (segments.get(from.segment) ?? 0)) return { entries, next };
    const later = [...segments.keys()].filter((segment) => segment > from.segment);
    return { entries, next: later.length === 0 ? next : { segment: Math.min(...later), offset: 0 } };
  }

  /** The records in some bytes of a segment, and how far they reach. `whole`: the bytes go to the segment's end. */
  async function entriesOf(bytes: Buffer, at: Position, whole: boolean): Promise<{ entries: Entry[]; offset: number }> {
    const entries: Entry[] = [];
    let reached = 0;
    for (const stretch of scanRecords(bytes)) {
      if (stretch.kind === "torn" && !whole) break;
      reached = stretch.end;
      if (stretch.kind === "padding") continue;
      const start = { segment: at.segment, offset: at.offset + stretch.start };
      const record = stretch.kind === "record" ? decodeRecord(stretch.json) : undefined;
      if (record) entries.push({ record, start, end: { segment: at.segment, offset: at.offset + stretch.end } });
      else await reportDamage(directory, start, bytes.subarray(stretch.start, stretch.end), onFault);
    }
    return { entries, offset: at.offset + reached };
  }

  /** Ends a segment that holds nothing but what has settled: old records must not stand there for days until it is full. */
  async function endSettled(): Promise<void> {
    if (!open || open.bytes === 0 || flushing) return;
    if (isBefore(retention.current().settled, { segment: open.segment, offset: open.bytes })) return;
    flushing = endOpen();
    await flushing;
    flushing = undefined;
    startFlush();
  }

  /** Never rejects: what cannot be done now is done later, and told once. */
  async function saveProgress(): Promise<void> {
    const { settled, redis } = retention.current();
    for (const segment of [...segments.keys()]) {
      // Asked only now: while the one before was removed, more may have been written.
      const bytes = segments.get(segment) ?? 0;
      if (segment === open?.segment || isBefore(settled, { segment, offset: bytes })) continue;
      try {
        if (unreadable.has(segment)) await setSegmentAside(directory, segment);
        else await removeSegment(directory, segment);
      } catch (cause) {
        if (!notRemoved.has(segment)) onFault({ kind: "remove-failed", segment, cause: cause as Error });
        notRemoved.add(segment);
        continue;
      }
      notRemoved.delete(segment);
      segments.delete(segment);
      shares.removed(segment);
      totalBytes -= bytes;
    }
    const next = { drained: backlog.drained(), settled, redis };
    if (JSON.stringify(next) === JSON.stringify(saved)) return;
    try {
      await saveCursor(directory, next);
      saved = next;
      cursorFailed = false;
    } catch (cause) {
      if (!cursorFailed) onFault({ kind: "cursor-failed", cause: cause as Error });
      cursorFailed = true;
    }
  }

  return {
    append(record) {
      const line = encodeRecord(record);
      if (totalBytes + waitingBytes + line.byteLength > maxBytes) {
        return Promise.reject(new JournalFullError(`The journal holds ${totalBytes} of ${maxBytes} bytes`));
      }
      const peer = peerOf(record);
      if (!shares.has(peer, line.byteLength, totalBytes + waitingBytes)) {
        const cause = `The journal holds ${totalBytes} of ${maxBytes} bytes, and as much of ${peer} as it may`;
        return Promise.reject(new JournalFullError(cause, peer));
      }
      if (waitingBytes > MAX_WAITING_BYTES) return Promise.reject(new JournalFullError("The disk does not keep up"));
      return enqueue(record, line);
    },

    moveToEnd: (record) => enqueue(record, encodeRecord(record)),

    backlog,

    async read({ start, end }) {
      try {
        const bytes = await readSegment(directory, start, end.offset - start.offset);
        const { entries } = await entriesOf(bytes, start, true);
        if (bytes.byteLength === 0) onFault({ kind: "missing", segment: start.segment });
        return entries[0]?.record;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
        onFault({ kind: "missing", segment: start.segment });
        return undefined;
      }
    },

    appended: () => appended,

    status() {
      const oldest = backlog.oldest();
      return {
        bytes: totalBytes,
        maxBytes,
        records: backlog.records(),
        waitingBytes: backlog.bytes(),
        usedUp: shares.usedUp(totalBytes),
        most: shares.most(),
        oldestAt: oldest ? new Date(oldest.receivedAt) : null,
        fault,
      };
    },

    async noteRedis(redis) {
      // First, and at once: what is told of Redis now is not true any more after a disk has hung.
      const { again, emptied } = retention.note(redis, backlog.drained(), performance.now());
      const unsettled = isBefore(retention.current().settled, backlog.drained()) || backlog.doneAhead().length > 0;
      if (again && !unsettled) retention.publishedAgain();
      await tryDisk();
      await endSettled();
      await saveProgress();
      return { again: again && unsettled, emptied };
    },

    async *unsettled() {
      const end = backlog.drained();
      const ahead = backlog.doneAhead();
      const done = new Set(ahead.map(({ segment, offset }) => `${segment}:${offset}`));
      const last = ahead.at(-1) ?? end;
      let from = retention.current().settled;
      while (!isBefore(last, from)) {
        const { segment } = from;
        const { entries, next }: Chunk = await readChunk(from).catch((cause: NodeJS.ErrnoException) => {
          if (OURS_TO_MEND.includes(cause.code ?? "")) throw cause;
          onFault({ kind: "unreadable", segment, cause });
          unreadable.add(segment);
          return { entries: [], next: { segment: segment + 1, offset: 0 } };
        });
        for (const { record, start } of entries) {
          if (isBefore(start, end) || done.has(`${start.segment}:${start.offset}`)) yield record;
        }
        if (!isBefore(from, next)) return;
        from = next;
      }
    },

    publishedAgain: () => retention.publishedAgain(),

    async settleAll(redis) {
      if (!retention.isSteady(redis)) return;
      const drained = backlog.drained();
      if (backlog.records() === 0) {
        for (const segment of segments.keys()) await removeSegment(directory, segment);
        for (const segment of segments.keys()) shares.removed(segment);
        segments.clear();
      }
      await saveCursor(directory, { drained, settled: drained, redis });
    },

    async close() {
      await flushing;
      await endOpen();
      await saveProgress();
    },
  };
}

interface Recovered {
  readonly sizes: ReadonlyMap<number, number>;
  readonly cursor: { drained: Position; settled: Position; redis: string | null };
  /** How many records wait, and their bytes. */
  readonly records: number;
  readonly bytes: number;
}

/** Looks at every segment once: cuts a torn end, sets damaged bytes aside, counts what waits and whose it is. */
async function recover({ directory, onFault, onRecovered }: JournalOptions, shares: Shares): Promise<Recovered> {
  const [newer] = newerSegments(directory);
  if (newer !== undefined) throw writtenByNewer(join(directory, newer));
  const listed = listSegments(directory);
  const first = { segment: listed[0]?.segment ?? 0, offset: 0 };
  const saved = loadCursor(directory);
  if (!saved && hasCursor(directory)) onFault({ kind: "cursor-unreadable" });
  const cursor = saved ?? { drained: first, settled: first, redis: null };
  const sizes = new Map<number, number>();
  let records = 0;
  let waitingBytes = 0;

  for (const { segment, bytes: length } of listed) {
    const bytes = await readSegment(directory, { segment, offset: 0 }, length).catch((cause: Error) => {
      // Going on without it would count its records as drained: whether they may be left behind is a person's to say.
      throw new Error(
        `Cannot read the journal: ${cause.message}, ${segmentPath(directory, segment)}; mend that, or move the file away to start without its records`,
      );
    });
    let size = bytes.byteLength;
    for (const stretch of scanRecords(bytes)) {
      const start = { segment, offset: stretch.start };
      if (stretch.kind === "record") {
        // What has settled is not needed any more, by whichever version.
        if (isBefore(start, cursor.settled)) continue;
        const record = decodeRecord(stretch.json);
        if (!record) throw writtenByNewer(segmentPath(directory, segment), stretch.start);
        const length = stretch.end - stretch.start;
        shares.promised(peerOf(record), length);
        shares.arrived(segment, peerOf(record), length);
        if (isBefore(start, cursor.drained)) continue;
        onRecovered?.(record);
        records += 1;
        waitingBytes += length;
      } else if (stretch.kind === "damaged") {
        await reportDamage(directory, start, bytes.subarray(stretch.start, stretch.end), onFault);
      } else if (stretch.kind === "torn") {
        size = stretch.start;
        onFault({ kind: "torn", segment, offset: stretch.start, bytes: stretch.end - stretch.start });
        try {
          // Kept as well as cut: no sender was promised it, but a person may want to see it.
          await setAside(directory, start, bytes.subarray(stretch.start, stretch.end));
          truncateSync(segmentPath(directory, segment), stretch.start);
        } catch {
          // A full disk: nothing is ever written behind it, so it may stay until the next start.
        }
      }
    }
    sizes.set(segment, size);
  }
  return { sizes, cursor: boundedBy(cursor, first), records, bytes: waitingBytes };
}

/** Nothing of it may be left behind or misread: it was answered 250. */
function writtenByNewer(path: string, offset?: number): Error {
  const where = offset === undefined ? path : `${path}, byte ${offset}`;
  return new Error(
    `Cannot read the journal: ${where} was written by a newer mm4d, must be of a version that this one knows; start the newer one again, and keep reports from it until its journal is empty (mm4d journal status)`,
  );
}

/** A cursor that points before the first segment means its beginning. */
function boundedBy(cursor: Recovered["cursor"], first: Position): Recovered["cursor"] {
  const bounded = (position: Position) => (isBefore(position, first) ? first : position);
  return { ...cursor, drained: bounded(cursor.drained), settled: bounded(cursor.settled) };
}

async function reportDamage(
  directory: string,
  at: Position,
  bytes: Buffer,
  onFault: (fault: JournalFault) => void,
): Promise<void> {
  // That they cannot be copied, to a full disk say, must not keep the good records behind them from being read.
  if (await setAside(directory, at, bytes).catch(() => true)) {
    onFault({ kind: "damaged", segment: at.segment, offset: at.offset, bytes: bytes.byteLength });
  }
}

function writeAll(descriptor: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (offset: number): void => {
      write(descriptor, bytes, offset, bytes.byteLength - offset, null, (cause, written) => {
        if (cause) reject(named(cause));
        else if (offset + written < bytes.byteLength) writeFrom(offset + written);
        else resolve();
      });
    };
    writeFrom(0);
  });
}

/** The library beneath Node.js knows fewer errors than the system does: a quota that is used up is a bare number to it. */
function named(cause: NodeJS.ErrnoException): Error {
  const [name] = Object.entries(osConstants.errno).find(([, number]) => number === -(cause.errno ?? 0)) ?? [];
  return name === undefined || cause.code === name
    ? cause
    : new Error(`${name}: the disk refuses the write`, { cause });
}
