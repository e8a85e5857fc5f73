/** What can go wrong with the journal: faults for the person on call, and the reason why an append is refused. */

/** A fault that the person on call should hear of. */
export type JournalFault =
  /** The end of a segment was never written whole. It was cut off; its sender was never told 250. */
  | { readonly kind: "torn"; readonly segment: number; readonly offset: number; readonly bytes: number }
  /** Bytes between records that are no record themselves. They were copied to `damaged/`. */
  | { readonly kind: "damaged"; readonly segment: number; readonly offset: number; readonly bytes: number }
  /** A record could not be made safe. Every append gets 451 until `append-recovered`. */
  | { readonly kind: "append-failed"; readonly cause: Error }
  | { readonly kind: "append-recovered" }
  /** A person or program removed or cut a segment whose records were not drained yet. */
  | { readonly kind: "missing"; readonly segment: number }
  /** A drained segment must be published again and cannot be read. It is kept in `damaged/`. */
  | { readonly kind: "unreadable"; readonly segment: number; readonly cause: Error }
  /** A segment that is no longer needed could not be removed. */
  | { readonly kind: "remove-failed"; readonly segment: number; readonly cause: Error }
  /** The cursor could not be saved. A restart would drain more records again. */
  | { readonly kind: "cursor-failed"; readonly cause: Error }
  /** The cursor cannot be read. Everything in the journal is drained again. */
  | { readonly kind: "cursor-unreadable" }
  /** It could not be noted which record is being read, or that a process is running. One whose reading ends it would not be found. */
  | { readonly kind: "in-hand-failed"; readonly cause: Error };

/** Whether an error of the system says that a disk, or what its user may have of it, is full. */
export function isFullDisk(cause: NodeJS.ErrnoException): boolean {
  return cause.code === "ENOSPC" || cause.code === "EDQUOT" || /^(?:ENOSPC|EDQUOT):/.test(cause.message);
}

export type OnFault = (fault: JournalFault) => void;

/** The journal is at its limit, or one peer has used up its share. The peer is asked to try again later. */
export class JournalFullError extends Error {
  override readonly name = "JournalFullError";
  /** The peer whose share is used up, while records of other peers are taken. Null when no record is taken. */
  readonly peer: string | null;
  constructor(message: string, peer: string | null = null) {
    super(message);
    this.peer = peer;
  }
}
