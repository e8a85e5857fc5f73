/** What becomes of segments that the journal needs no longer, and of records that it has moved. */
import { setSegmentAside } from "./damaged.ts";
import { type Position, removeSegment } from "./segments.ts";

/** Who takes what the journal needs no longer: the archive, where there is one. */
export interface Keeping {
  /** A segment is ended when it reaches so many bytes, and at the first write after so many milliseconds. */
  readonly segments: { readonly bytes: number; readonly ms: number };
  /** A record that stood there was written again at the journal's end. */
  moved(id: string, from: Position): void;
  /** Called before the cursor tells how far records have been worked off: what is known of them may be put on the disk. Never rejects. */
  flush(): Promise<void>;
  /** A segment has settled, and is written no more. Resolves when its file has left the journal; rejects when it has not. */
  take(segment: number): Promise<void>;
  /** The same, of one that cannot be read: it is kept in `damaged/`. */
  setAside(segment: number): Promise<void>;
  /** The disk has no room for records that come. True when something was given up for them. Never rejects. */
  makeRoom(): Promise<boolean>;
}

/** Where nobody wants them, settled segments are removed. */
export function removing(directory: string): Keeping {
  return {
    segments: { bytes: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY },
    moved() {},
    async flush() {},
    take: (segment) => removeSegment(directory, segment),
    setAside: (segment) => setSegmentAside(directory, segment),
    makeRoom: async () => false,
  };
}
