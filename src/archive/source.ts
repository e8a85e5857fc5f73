/** A file in which archived records stand: what is known of it before it is opened, and what it gives. */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import type { ArchivedRecord } from "./archived.ts";
import type { BlockHead } from "./blocks.ts";

/** What cannot be given of what was kept. */
export type ArchiveDamage =
  /** Bytes that are no block, or no record of a journal. `head`: what the block's own line says of it; null without one. */
  | {
      readonly kind: "damaged";
      readonly path: string;
      readonly start: number;
      readonly bytes: number;
      readonly head: BlockHead | null;
    }
  /** Records of a kind that only a newer mm4d knows. */
  | { readonly kind: "newer"; readonly path: string; readonly start: number; readonly records: number }
  | { readonly kind: "unreadable"; readonly path: string; readonly cause: Error }
  /** A file that left the archive while it was being read, the oldest one as a rule. */
  | { readonly kind: "removed"; readonly path: string };

export type OnDamage = (damage: ArchiveDamage) => void;

/** One file: of the archive, of `packing/`, or of a journal. */
export interface Source {
  readonly path: string;
  readonly isPacked: boolean;
  /** Number of the process that took its records, and of the segment. */
  readonly process: number;
  readonly segment: number;
  /** When the earliest and the latest of its records was received, in milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** As they stand in the file. Throws when the file is not there any more. */
  parts(onDamage: OnDamage): readonly Part[];
}

/** Some of the records of a file, so many as are read at once. */
export interface Part {
  readonly source: Source;
  /** Where it begins in the file. */
  readonly start: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /**
   * In the order in which they were stored. Throws when the file is not there any more. `mayBe` is asked of the bytes of
   * a record, and of its fate where that stands with it, before they are read: reading takes longer than all else.
   */
  records(onDamage: OnDamage, mayBe?: MayBe): readonly ArchivedRecord[];
}

/** Says of bytes whether they may be a record that is sought: false only for what certainly is none. */
export type MayBe = (bytes: Buffer) => boolean;

/** Some bytes of a file. Throws when it is not there any more. */
export function bytesOf(path: string, start: number, end: number): Buffer {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(end - start);
    let filled = 0;
    while (filled < bytes.byteLength) {
      const count = readSync(file, bytes, filled, bytes.byteLength - filled, start + filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } finally {
    closeSync(file);
  }
}

/** What is thrown where a file is another one by now: as if it were gone. */
export function notThere(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${path} has changed while it was read`), { code: "ENOENT" });
}

/** The names in a directory; none where there is no such directory. */
export function namesIn(directory: string): readonly string[] {
  return orNull(() => readdirSync(directory)) ?? [];
}

/** Null where there is no such file or directory. */
export function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw cause;
  }
}
