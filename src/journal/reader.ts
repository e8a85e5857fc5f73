/** Reads records back from the segments, and stops where the safe bytes end. */
import type { Chunk, Entry, Place } from "./backlog.ts";
import { reportDamage } from "./damaged.ts";
import type { OnFault } from "./fault.ts";
import { decodeRecord, type JournalRecord, scanRecords } from "./record.ts";
import { isBefore, type Position, readSegment } from "./segments.ts";
import type { Sizes } from "./sizes.ts";

export interface ReaderOptions {
  readonly directory: string;
  readonly sizes: Sizes;
  readonly onFault: OnFault;
  /** A segment that must be published again cannot be read. */
  readonly onUnreadable: (segment: number) => void;
}

export interface Reader {
  /** Reads the next records from a position on, and gives the position behind them. */
  chunk(from: Position): Promise<Chunk>;
  /** Reads the record at one place. Undefined when it is gone, which is reported as a fault. */
  record(place: Place): Promise<JournalRecord | undefined>;
  /** The drained records that have not settled: those from `settled` to `drained`, and those that begin at `ahead`. */
  unsettled(settled: Position, drained: Position, ahead: readonly Position[]): AsyncGenerator<JournalRecord>;
}

const CHUNK_BYTES = 1024 * 1024;
/** With these errors this process or the system has run out of something. The file is good, and is read again later. */
const OURS_TO_MEND = ["EMFILE", "ENFILE", "ENOMEM", "EAGAIN"];

export function createReader({ directory, sizes, onFault, onUnreadable }: ReaderOptions): Reader {
  async function chunk(from: Position): Promise<Chunk> {
    const { segment } = from;
    const size = sizes.of(segment);
    let entries: Entry[] = [];
    let offset = from.offset;
    try {
      // A record may be longer than one chunk: a quarantined message has megabytes.
      for (let length = CHUNK_BYTES; entries.length === 0 && offset < size; length *= 4) {
        const bytes = await readSegment(directory, { segment, offset }, Math.min(length, size - offset));
        const whole = offset + bytes.byteLength >= size || bytes.byteLength < length;
        ({ entries, offset } = await entriesOf(bytes, { segment, offset }, whole));
        if (bytes.byteLength === 0) {
          onFault({ kind: "missing", segment });
          offset = size;
        }
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
      onFault({ kind: "missing", segment });
      offset = size;
    }
    const later = offset < sizes.of(segment) ? undefined : sizes.after(segment);
    return { entries, next: later === undefined ? { segment, offset } : { segment: later, offset: 0 } };
  }

  /** The records in some bytes of a segment, and the offset behind them. `whole`: the bytes go to the segment's end. */
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

  return {
    chunk,

    async record({ start, end }) {
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

    async *unsettled(settled, drained, ahead) {
      const done = new Set(ahead.map(({ segment, offset }) => `${segment}:${offset}`));
      const last = ahead.at(-1) ?? drained;
      let from = settled;
      while (!isBefore(last, from)) {
        const { segment } = from;
        const { entries, next }: Chunk = await chunk(from).catch((cause: NodeJS.ErrnoException) => {
          if (OURS_TO_MEND.includes(cause.code ?? "")) throw cause;
          onFault({ kind: "unreadable", segment, cause });
          onUnreadable(segment);
          return { entries: [], next: { segment: segment + 1, offset: 0 } };
        });
        for (const { record, start } of entries) {
          if (isBefore(start, drained) || done.has(`${start.segment}:${start.offset}`)) yield record;
        }
        if (!isBefore(from, next)) return;
        from = next;
      }
    },
  };
}
