/**
 * What is in the journal and not yet on the queue, in order.
 *
 * The newest records are kept in memory, so that the drain need not read again
 * what was just written. When too many wait, the rest stays on the disk and is
 * read when its turn comes; after a restart all of it comes that way.
 */
import { type JournalRecord, receivedAtOf } from "./record.ts";
import { isBefore, type Position } from "./segments.ts";

export interface Entry {
  readonly record: JournalRecord;
  readonly start: Position;
  readonly end: Position;
}

/** Where a record stands. */
export type Place = Pick<Entry, "start" | "end">;

/** Of a record that waits, what is told of it. */
export interface Awaited {
  readonly id: string;
  /** RFC 3339, UTC. */
  readonly receivedAt: string;
}

/** Records read back from the disk, and where to go on. */
export interface Chunk {
  readonly entries: readonly Entry[];
  readonly next: Position;
}

export interface BacklogOptions {
  /** Where the first record waits. */
  readonly from: Position;
  /** How many wait already, on the disk, and how many bytes those are. */
  readonly records: number;
  readonly bytes: number;
  /** How many bytes of records are kept in memory, as they are on the disk. */
  readonly memoryBytes: number;
  /** Reads records from a position on. */
  readonly read: (from: Position) => Promise<Chunk>;
  /** The end of what is safely on the disk. */
  readonly end: () => Position;
}

export interface Backlog {
  /** A record that has just been synced. */
  add(entry: Entry): void;
  /** The next record to drain; undefined when none is in memory: then `load`, or wait for `whenAdded`. */
  take(): Entry | undefined;
  /** The next records, as `take` gives them: `count` at most, and no further one once there are `bytes` of them. */
  takeSome(count: number, bytes: number): readonly Entry[];
  /** Reads the next records from the disk, if that is where they are. */
  load(): Promise<void>;
  /** Whether there are so many records to take, or more on the disk. */
  has(least: number): boolean;
  /** Resolves when `has` may be true. */
  whenAdded(least?: number): Promise<void>;
  /** Ends every wait of `whenAdded`. */
  wakeAll(): void;
  /** Marks a taken record as drained, by the place that it was taken with. Records may be done out of order. */
  done(place: Place): void;
  /** Marks a taken record that cannot be drained for now, and is no sign that the drain is slow. It still waits. */
  putAside(place: Place): void;
  /** Whether so many records have been taken behind one that is not done that the drain would soon have to wait for it. */
  isHeldUp(): boolean;
  /** Everything before it is drained. */
  drained(): Position;
  /** Where the records begin that are done while an earlier one is not, and so lie behind `drained`; in order. */
  doneAhead(): readonly Position[];
  /** How many records wait, those that were taken and are not done among them. */
  records(): number;
  /** As they are on the disk. */
  bytes(): number;
  /** The record that has waited longest, but for those that were put aside. */
  oldest(): Awaited | undefined;
}

/** A record's place, until all before it are done. The record itself is with whoever took it. */
interface Slot {
  readonly start: Position;
  /** Everything up to here is drained once all before it are done, and this. */
  end: Position;
  /** Null when it is done. */
  awaited: Awaited | null;
  isAside: boolean;
}

const MAX_TAKEN = 100_000;
/** Each of them takes half a kilobyte. So many are there only after an outage in which a bug of ours met all that came. */
const MAX_ASIDE = 250_000;

export function createBacklog(options: BacklogOptions): Backlog {
  let memory: Entry[] = [];
  let head = 0;
  let heldBytes = 0;
  let diskFrom: Position | null = isBefore(options.from, options.end()) ? options.from : null;
  let loading: Promise<void> | undefined;
  const waiting: { readonly least: number; readonly wake: () => void }[] = [];
  /** Taken and not yet counted as drained, in order. */
  let taken: Slot[] = [];
  let firstTaken = 0;
  /** All of them before this one are done, or were put aside. */
  let firstAwaited = 0;
  /** How many of them were put aside, and are not done. */
  let aside = 0;
  /** The last record that was read from the disk, until it is taken, and where what was read with it goes on. */
  let reached: { readonly last: Entry; readonly next: Position } | null = null;
  let { records, bytes, from: drained } = options;

  async function loadChunk(from: Position): Promise<void> {
    const { entries, next } = await options.read(from);
    for (const entry of entries) hold(entry);
    reach(next, entries.at(-1));
    // Compared only now: what was appended during the reading was left on the disk for the next one.
    diskFrom = isBefore(next, options.end()) ? next : null;
    if (entries.length > 0) wakeAll();
  }

  /**
   * Bytes that are no records, damaged ones say, may follow the last record of what was read. They are drained with
   * that record; otherwise their segment would stay until a later record is drained, and keep others out for its room.
   */
  function reach(next: Position, last: Entry | undefined): void {
    const slot = taken.at(-1);
    if (last) reached = { last, next };
    else if (slot && firstTaken < taken.length) slot.end = next;
    else drained = next;
  }

  function hold(entry: Entry): void {
    memory.push(entry);
    heldBytes += bytesOf(entry);
  }

  // Behind one that cannot be drained others go on; but not so many that their places fill the memory.
  const mayTake = (): boolean => taken.length - firstTaken - aside < MAX_TAKEN && aside < MAX_ASIDE;

  function take(): Entry | undefined {
    const entry = memory[head];
    if (!entry || !mayTake()) return undefined;
    head += 1;
    heldBytes -= bytesOf(entry);
    if (head === memory.length || head >= 4096) {
      memory = memory.slice(head);
      head = 0;
    }
    let { end } = entry;
    if (reached?.last === entry) {
      end = reached.next;
      reached = null;
    }
    taken.push({ start: entry.start, end, awaited: awaitedOf(entry), isAside: false });
    return entry;
  }

  /** They are in order. A map of them would outlive the wait of each, and cost the collector more than the search. */
  function slotOf({ start }: Place): Slot | undefined {
    let from = firstTaken;
    for (let to = taken.length; from < to; ) {
      const middle = (from + to) >> 1;
      const slot = taken[middle];
      if (slot && isBefore(slot.start, start)) from = middle + 1;
      else to = middle;
    }
    const slot = taken[from];
    return slot && !isBefore(start, slot.start) ? slot : undefined;
  }

  function has(least: number): boolean {
    return mayTake() && (memory.length - head >= least || diskFrom !== null);
  }

  function wakeOne(): void {
    const first = waiting.findIndex(({ least }) => has(least));
    if (first !== -1) waiting.splice(first, 1)[0]?.wake();
  }

  function wakeAll(): void {
    for (const { wake } of waiting.splice(0)) wake();
  }

  /** A segment that somebody removed takes its records with it: then the count ends where nothing is left. */
  function recount(): void {
    if (taken.length === firstTaken && head === memory.length && diskFrom === null && !loading)
      [records, bytes] = [0, 0];
  }

  return {
    add(entry) {
      records += 1;
      bytes += bytesOf(entry);
      if (diskFrom !== null) return;
      if (heldBytes > 0 && heldBytes + bytesOf(entry) > options.memoryBytes) {
        diskFrom = entry.start;
        return;
      }
      hold(entry);
      wakeOne();
    },

    take,

    takeSome(count, most) {
      const some: Entry[] = [];
      for (let sum = 0; some.length < count && sum < most; ) {
        const entry = take();
        if (!entry) break;
        some.push(entry);
        sum += bytesOf(entry);
      }
      return some;
    },

    async load() {
      if (diskFrom === null || head < memory.length) return;
      loading ??= loadChunk(diskFrom).finally(() => {
        loading = undefined;
      });
      await loading;
    },

    has,

    whenAdded(least = 1) {
      if (has(least)) return Promise.resolve();
      return new Promise((wake) => waiting.push({ least, wake }));
    },

    wakeAll,

    done(place) {
      const slot = slotOf(place);
      if (!slot?.awaited) return;
      slot.awaited = null;
      if (slot.isAside) aside -= 1;
      records -= 1;
      bytes -= bytesOf(place);
      for (let first = taken[firstTaken]; first && first.awaited === null; first = taken[firstTaken]) {
        drained = first.end;
        firstTaken += 1;
      }
      if (firstTaken === taken.length || firstTaken >= 4096) {
        taken = taken.slice(firstTaken);
        firstAwaited = Math.max(0, firstAwaited - firstTaken);
        firstTaken = 0;
      }
      wakeOne();
    },

    putAside(place) {
      const slot = slotOf(place);
      if (!slot?.awaited || slot.isAside) return;
      slot.isAside = true;
      aside += 1;
    },

    isHeldUp: () => taken.length - firstTaken - aside >= MAX_TAKEN / 2,

    drained: () => drained,
    doneAhead: () =>
      taken
        .slice(firstTaken)
        .filter(({ awaited }) => awaited === null)
        .map(({ start }) => start),

    records() {
      recount();
      return records;
    },

    bytes() {
      recount();
      return bytes;
    },

    oldest() {
      const next = memory[head];
      // Where one was put aside, tens of thousands may be done behind it. None is ever awaited again.
      for (let slot = taken[firstAwaited]; slot && (slot.isAside || !slot.awaited); slot = taken[firstAwaited])
        firstAwaited += 1;
      return taken[firstAwaited]?.awaited ?? (next && awaitedOf(next));
    },
  };
}

function awaitedOf({ record }: Entry): Awaited {
  return { id: record.id, receivedAt: receivedAtOf(record) };
}

function bytesOf({ start, end }: Place): number {
  return end.offset - start.offset;
}
