/** The segment that is being written. A full one is ended, and the next write begins another one. */
import {
  beginSegment,
  endSegment,
  isLinked,
  type OpenSegment,
  type Position,
  segmentPath,
  writeSegment,
} from "./segments.ts";
import type { Sizes } from "./sizes.ts";

export interface CurrentSegmentOptions {
  readonly directory: string;
  /** A segment is ended when it reaches this size, in bytes. */
  readonly segmentBytes: number;
  /** And at the first write after so long, in milliseconds. */
  readonly segmentMs?: number;
  readonly sizes: Sizes;
  /** Rejects when this process no longer holds the lock on the directory. */
  readonly hold: () => Promise<void>;
}

export interface CurrentSegment {
  /** Resolves with the position of the first byte, once all are on the disk. After a rejection, `close` must follow. */
  write(bytes: Buffer): Promise<Position>;
  /** The end of its safe bytes; undefined when no segment is open. */
  end(): Position | undefined;
  /** Closes it. Never rejects. */
  close(): Promise<void>;
}

export function createCurrentSegment(options: CurrentSegmentOptions): CurrentSegment {
  const { directory, segmentBytes, segmentMs = Number.POSITIVE_INFINITY, sizes, hold } = options;
  let next = sizes.last() + 1;
  let open: OpenSegment | undefined;
  let begunMs = 0;

  async function begin(): Promise<OpenSegment> {
    // The number is taken before the file is created, so that a half-made segment's number is never used again.
    const segment = next;
    next += 1;
    begunMs = performance.now();
    return beginSegment(directory, segment, hold);
  }

  function isOver({ bytes: written }: OpenSegment, more: Buffer): boolean {
    return written + more.byteLength > segmentBytes || performance.now() - begunMs >= segmentMs;
  }

  async function close(): Promise<void> {
    const ended = open;
    open = undefined;
    // When the segment cannot be cut, the disk is at fault and that was reported before. Recovery cuts what stayed.
    if (ended) await endSegment(directory, ended).catch(() => {});
  }

  return {
    async write(bytes) {
      if (open && open.bytes > 0 && isOver(open, bytes)) await close();
      open ??= await begin();
      const segment = open;
      await writeSegment(segment, bytes);
      // Bytes in a file without a name are lost with this process, though the write of them succeeds.
      if (!isLinked(segment))
        throw new Error(`Cannot keep the record: ${segmentPath(directory, segment.segment)} was removed`);
      const start = { segment: segment.segment, offset: segment.bytes };
      segment.bytes += bytes.byteLength;
      sizes.grown(segment.segment, bytes.byteLength);
      return start;
    },
    end: () => open && { segment: open.segment, offset: open.bytes },
    close,
  };
}
