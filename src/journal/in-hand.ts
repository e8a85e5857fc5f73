/**
 * Notes which records are being read, in a file beside the segments. A record whose reading ends the process would
 * end each process that starts behind it, too: by the note such a record is found, and it alone.
 *
 * The file says at how many unclean ends each record was in hand, were this process to end now. So nothing is
 * counted at a start: what one start finds, the next one finds again, unless the process ends with a record in hand.
 *
 * It is not synced, because it must outlive this process only. A machine that crashes brings an earlier note back, or
 * none. That is still a note of records in hand, so a record needs three ends to be counted three times, each of them
 * while it was being read or in a crash of the machine.
 */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { OnFault } from "./fault.ts";

/**
 * Records are named by their id and not by their place: the id goes with a record that is moved, and a place is used
 * again after a crash of the machine that lost what stood there.
 */
export interface InHand {
  /** At how many unclean ends this record was being read. 0 for almost all. */
  endsOf(id: string): number;
  /**
   * These records are about to be read. Those of the call before are not any more. Never throws: without the note all
   * is read as it would be with it. Nothing may be awaited before `end`, because a process that waits may well be killed.
   */
  begin(ids: readonly string[]): void;
  /** They have been read: nothing is counted against them any more. */
  end(): void;
}

export interface InHandFile extends InHand {
  /** This record is in the journal. What was noted of others is forgotten. */
  found(id: string): void;
  close(): void;
}

/** Reads what the process before has noted. What cannot be read notes nothing. */
export function openInHand(directory: string, onFault: OnFault): InHandFile {
  const path = join(directory, IN_HAND);
  const before = noted(path);
  const ends = new Map<string, number>();
  let inHand: readonly string[] = [];
  let file: number | undefined;
  let failed = false;

  /** A disk that refuses the note refuses no record: those are read all the same, and the next note is tried again. */
  function write(page: Buffer): void {
    try {
      // Not truncated: what the process before has noted stays until this note is there.
      file ??= openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
      if (writeSync(file, page, 0, PAGE_BYTES, 0) < PAGE_BYTES) throw new Error("Only a part of the note was written");
      failed = false;
    } catch (cause) {
      if (!failed) onFault({ kind: "in-hand-failed", cause: cause as Error });
      failed = true;
    }
  }

  function ended(): void {
    for (const id of inHand) ends.delete(id);
    inHand = [];
  }

  return {
    found(id) {
      const count = before.get(id);
      if (count !== undefined) ends.set(id, count);
    },
    endsOf: (id) => ends.get(id) ?? 0,
    begin(ids) {
      ended();
      inHand = ids;
      const counts = ids.map((id): Count => [id, (ends.get(id) ?? 0) + 1]);
      // Those in hand come first: of more than the page takes, the last ones are not noted.
      if (ends.size > 0) counts.push(...[...ends].filter(([id]) => !ids.includes(id)));
      write(pageOf(counts));
    },
    end() {
      ended();
      write(ends.size === 0 ? NOTHING : pageOf([...ends]));
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** The name of the file. */
export const IN_HAND = "in-hand";

/**
 * The file's size: one page of memory, which a killed process has written whole or not at all. About a hundred
 * records, and a batch has 32.
 */
const PAGE_BYTES = 4096;
/** Of the page, for the checksum and the line feeds. */
const FRAME_BYTES = 10;
const NOTHING = pageOf([]);

type Count = readonly [id: string, ends: number];

/** `<crc32>`, and in the next line as JSON as many of the counts as there is room for, the first ones. */
function pageOf(counts: readonly Count[]): Buffer {
  const json = JSON.stringify(counts);
  if (Buffer.byteLength(json) > PAGE_BYTES - FRAME_BYTES) return pageOf(counts.slice(0, counts.length * 0.9));
  const page = Buffer.alloc(PAGE_BYTES, " ");
  page.write(`${crc32(json).toString(16).padStart(8, "0")}\n${json}\n`);
  return page;
}

function noted(path: string): ReadonlyMap<string, number> {
  try {
    const [checksum, json = ""] = readPage(path).split("\n");
    // Wrong counts could put a record into quarantine unread. Without any the guilty one is only found later.
    if (Number.parseInt(checksum ?? "", 16) !== crc32(json)) return new Map();
    return new Map(JSON.parse(json) as Count[]);
  } catch {
    return new Map();
  }
}

/** No more than we write, because a person may have put any file there. */
function readPage(path: string): string {
  const file = openSync(path, "r");
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    return page.toString("utf8", 0, readSync(file, page, 0, PAGE_BYTES, 0));
  } finally {
    closeSync(file);
  }
}
