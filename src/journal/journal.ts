/**
 * The journal keeps on the disk every record that was answered 250, until its job is safe in Redis.
 *
 *   append → one synced write for all that wait → 250 → backlog → drain → settled → removed
 *
 * A record is promised once `append` resolves. It is then on the disk, and neither
 * the end of this process nor a loss of Redis loses it.
 */
import type { Backlog, Place } from "./backlog.ts";
import { createBacklog } from "./backlog.ts";
import { saveCursor } from "./cursor.ts";
import { JournalFullError, type OnFault } from "./fault.ts";
import { type InHand, openInHand } from "./in-hand.ts";
import { type Keeping, removing } from "./keeping.ts";
import { createReader } from "./reader.ts";
import { type JournalRecord, peerOf } from "./record.ts";
import { recover } from "./recover.ts";
import { createRemoval } from "./removal.ts";
import { createRetention, type RedisNews } from "./retention.ts";
import { isBefore, makeDirectory, type Position } from "./segments.ts";
import { createShares } from "./shares.ts";
import { createSizes } from "./sizes.ts";
import { createWriter } from "./writer.ts";

export interface JournalOptions {
  readonly directory: string;
  /** Largest size on the disk, in bytes. */
  readonly maxBytes: number;
  /** A segment is ended when it reaches this size, in bytes. */
  readonly segmentBytes?: number;
  /** Who takes what is needed no longer; without one it is removed. */
  readonly keeping?: Keeping;
  /** How many bytes of waiting records are kept in memory, as they are on the disk. */
  readonly memoryBytes?: number;
  /** How long a drained record stays, in milliseconds of a reachable Redis. */
  readonly graceMs?: number;
  /** Rejects when this process no longer holds the lock on the directory. Called before a new file is begun there. */
  readonly hold?: () => Promise<void>;
  readonly onFault: OnFault;
  /** Called before the journal is open, with each record of an earlier process that is not on the queue yet. */
  readonly onRecovered?: (record: JournalRecord) => void;
  /** After each synced write: how long it took, in milliseconds. */
  readonly onSynced?: (tookMs: number) => void;
}

export interface JournalStatus {
  /** The bytes on the disk, including drained records that have not settled. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** How many records are not on the queue yet. */
  readonly records: number;
  /** The bytes of those records. */
  readonly waitingBytes: number;
  /** Peers whose share is used up: their records are refused. */
  readonly usedUp: readonly string[];
  /** The peer whose records take most bytes; null when there are no records. */
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
  /**
   * Reads a record from the disk that was taken from the backlog and is not done. Undefined when it is gone, which is
   * reported as a fault.
   */
  read(place: Place): Promise<JournalRecord | undefined>;
  /** Which records may have ended a process, and which of them is being read; see in-hand.ts. */
  readonly inHand: InHand;
  /** How many records were appended since the start. */
  appended(): number;
  status(): JournalStatus;
  /**
   * Tells the journal about once a second which Redis is there; see retention.ts. After
   * `again` the caller must publish `unsettled()` again. No record may be drained before
   * the journal was told of a Redis.
   */
  tellRedis(redis: string | null): Promise<RedisNews>;
  /** Reads the drained records that have not settled from the disk. */
  unsettled(): AsyncGenerator<JournalRecord>;
  /** All of `unsettled()` is on the queue. */
  publishedAgain(): void;
  /**
   * Settles everything drained, because this Redis ended with all of it on its disk.
   * Does nothing when some of it went into another Redis.
   */
  settleAll(redis: string): Promise<void>;
  /**
   * Whether a record that is not drained keeps much on the disk that could be removed, or other records from being
   * taken. `besides`: the bytes of others that are not drained for the same reason.
   */
  isHeldUpBy(place: Place, besides: number): boolean;
  /**
   * Appends a record again, so that the segment with its old place can be removed. No limit refuses it.
   * `from`: its old place, where it is not worked off there.
   */
  moveToEnd(record: JournalRecord, from?: Position | undefined): Promise<void>;
  /** Waits for the write under way and closes the files. */
  close(): Promise<void>;
}

const SEGMENT_BYTES = 16 * 1024 * 1024;
const SEGMENTS_AT_LEAST = 16;
/** A record may hold so many later segments on the disk before it is better moved behind them. */
const SEGMENTS_HELD = 4;
/** What a second or two brings. More would not make an outage's end faster, but the process three times as large. */
const MEMORY_BYTES = 8 * 1024 * 1024;
const GRACE_MS = 60_000;
/** More bytes than this wait only when the disk hangs. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Opens the journal, and recovers the records that an earlier process left in it. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { directory, maxBytes, onFault, onRecovered, onSynced = () => {}, hold = async () => {} } = options;
  const keeping = options.keeping ?? removing(directory);
  // A segment leaves the disk as a whole, so a small journal needs small ones.
  const most = Math.min(SEGMENT_BYTES, Math.floor(maxBytes / SEGMENTS_AT_LEAST), keeping.segments.bytes);
  const segmentBytes = options.segmentBytes ?? most;
  await makeDirectory(directory);
  const shares = createShares(maxBytes);
  const inHand = openInHand(directory, onFault);
  const recovered = await recover({ directory, shares, onFault, onFound: inHand.found, onRecovered });
  const { cursor, records, bytes } = recovered;

  const sizes = createSizes(recovered.sizes, cursor.drained.segment);
  const retention = createRetention(cursor, options.graceMs ?? GRACE_MS);
  const removal = createRemoval({ keeping, sizes, shares, onFault });
  const reader = createReader({ directory, sizes, onFault, onUnreadable: removal.setAsideLater });
  const backlog = createBacklog({
    from: cursor.drained,
    records,
    bytes,
    memoryBytes: options.memoryBytes ?? MEMORY_BYTES,
    read: reader.chunk,
    end: sizes.end,
  });
  const writer = createWriter({
    directory,
    segmentBytes,
    segmentMs: keeping.segments.ms,
    sizes,
    shares,
    hold,
    makeRoom: keeping.makeRoom,
    onFault,
    onSynced,
    onKept: backlog.add,
  });
  let saved = cursor;
  let cursorFailed = false;
  await inHand.opened(sizes.end());

  /** Why there is no room for a record; undefined when there is. */
  function whyFull(record: JournalRecord, lineBytes: number): JournalFullError | undefined {
    const total = sizes.total();
    const waiting = writer.waitingBytes();
    if (total + waiting + lineBytes > maxBytes) {
      return new JournalFullError(`The journal holds ${total} of ${maxBytes} bytes`);
    }
    const peer = peerOf(record);
    if (!shares.has(peer, lineBytes, total + waiting)) {
      const cause = `The journal holds ${total} of ${maxBytes} bytes, and as much of ${peer} as it may`;
      return new JournalFullError(cause, peer);
    }
    return waiting > MAX_WAITING_BYTES ? new JournalFullError("The disk does not keep up") : undefined;
  }

  /** Never rejects: a step that fails is tried again next time, and reported once. */
  async function saveProgress(): Promise<void> {
    const { settled, redis } = retention.current();
    const drained = backlog.drained();
    await keeping.flush();
    await removal.removeSettled(settled, writer.isOpen);
    const next = { drained, settled, redis };
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
    append: (record) => writer.enqueue(record, whyFull),
    isHeldUpBy({ start }, besides) {
      const held = (sizes.end().segment - start.segment - SEGMENTS_HELD) * segmentBytes;
      return held > 2 * besides || backlog.isHeldUp();
    },
    async moveToEnd(record, from) {
      await writer.enqueue(record);
      if (from) keeping.moved(record.id, from);
    },
    backlog,
    read: reader.record,
    inHand,
    appended: writer.appended,

    status() {
      const oldest = backlog.oldest();
      return {
        bytes: sizes.total(),
        maxBytes,
        records: backlog.records(),
        waitingBytes: backlog.bytes(),
        usedUp: shares.usedUp(sizes.total()),
        most: shares.most(),
        oldestAt: oldest ? new Date(oldest.receivedAt) : null,
        fault: writer.fault(),
      };
    },

    async tellRedis(redis) {
      // Before anything that uses the disk: after a disk that hung, what we know of Redis is no longer true.
      const { again, emptied } = retention.tell(redis, backlog.drained(), performance.now());
      const unsettled =
        again && (isBefore(retention.current().settled, backlog.drained()) || backlog.doneAhead().length > 0);
      if (again && !unsettled) retention.publishedAgain();
      await writer.tryDisk();
      await writer.endSettled(retention.current().settled);
      await saveProgress();
      return { again: unsettled, emptied };
    },

    // A generator of its own, so that the positions are read when the first record is asked for.
    async *unsettled() {
      yield* reader.unsettled(retention.current().settled, backlog.drained(), backlog.doneAhead());
    },
    publishedAgain: retention.publishedAgain,

    async settleAll(redis) {
      if (!retention.isSteady(redis)) return;
      await keeping.flush();
      const drained = backlog.drained();
      if (backlog.records() === 0) await removal.removeAll();
      await saveCursor(directory, { drained, settled: drained, redis });
    },

    async close() {
      await writer.close();
      await saveProgress();
      await inHand.close(backlog.drained());
    },
  };
}
