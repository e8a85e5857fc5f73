/** What can go wrong with the archive. No report waits for it, and it is never why one is refused. */

/** A fault that the person on call should hear of. */
export type ArchiveFault =
  /** What became of records could not be written: the archive will not know it. */
  | { readonly kind: "fates-failed"; readonly cause: Error }
  /**
   * What has settled cannot be taken over from the journal: it is removed, and its records are not archived.
   * `segment`: the first one that was; none where it shows at the start, because the directory cannot be made.
   */
  | { readonly kind: "take-failed"; readonly segment?: number; readonly cause: Error }
  /** A segment could not be packed. It is tried again. */
  | { readonly kind: "pack-failed"; readonly cause: Error }
  /** Bytes of a segment that are no record. They were copied to `damaged/` of its journal. */
  | { readonly kind: "damaged"; readonly segment: number; readonly offset: number; readonly bytes: number }
  /** A segment that cannot be read from the disk. It was moved to `damaged/` of its journal. */
  | { readonly kind: "unreadable"; readonly segment: number; readonly cause: Error }
  /** Files were given up before their time, because the disk is nearly full. */
  | { readonly kind: "given-up"; readonly files: number; readonly bytes: number }
  /** Segments were given up that wait to be packed, because packing does not keep up. */
  | { readonly kind: "behind"; readonly files: number; readonly bytes: number };

export type OnArchiveFault = (fault: ArchiveFault) => void;
