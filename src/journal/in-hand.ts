/**
 * Finds a record whose reading ends the process: it would end each process that starts behind it, too.
 *
 * Nothing is written while all is well. A file beside the segments says that a process is running, and at its clean
 * end that it is not. So a start knows of an unclean end, and of which records one may be to blame: those that were
 * not drained by then. These are suspects. Each is read alone, with a note in the file of its id, and of the unclean
 * ends that it has to answer for, were this process to end now. So nothing is counted at a start: what one start
 * finds, the next one finds again, unless the process ends with a record in hand.
 *
 * The event loop never waits for the file, and a record waits for it a moment only: see `LATE_MS`. Where the disk did
 * not answer in time, or a record that came since ends the process beside a suspect, the note is of one that is not
 * to blame. It has that one end more to answer for, and its next reading clears it.
 *
 * The file is not synced, because it must outlive this process only. A machine that crashes brings an earlier note
 * back, or none. The earlier one was true of an earlier end. By it a record is taken for a suspect too late, or an end
 * is counted that was the machine's, and still a record needs three ends to be left unread. By none, nothing is
 * counted, and the guilty one is only found later.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { OnFault } from "./fault.ts";
import { isBefore, type Position } from "./segments.ts";

/**
 * Ends are counted by a record's id and not by its place: the id goes with a record that is moved, and a place is used
 * again after a crash of the machine that lost what stood there.
 */
export interface InHand {
  /**
   * At how many unclean ends this record may have been what was being read. 0 for almost all. `start`: where it stands;
   * undefined for one that is published again.
   */
  endsOf(id: string, start: Position | undefined): number;
  /**
   * This record, and no other suspect, is about to be read; it has `ends` already. Resolves when that is noted, or
   * cannot be: without the note it is read all the same. Never rejects.
   */
  begin(id: string, ends: number): Promise<void>;
  /** It has been read: nothing is counted against it any more. Nobody waits for the note to be taken back. */
  end(): void;
}

export interface InHandFile extends InHand {
  /** This record is in the journal. What was noted of others is forgotten. */
  found(id: string): void;
  /** All were found: they stand before `end`. Notes that a process is running. */
  opened(end: Position): Promise<void>;
  /** Notes a clean end. What stands before `until` is drained, and no suspect any more. */
  close(until: Position): Promise<void>;
}

/** Reads what the process before has noted. What cannot be read notes nothing. */
export function openInHand(directory: string, onFault: OnFault): InHandFile {
  const path = join(directory, IN_HAND);
  const before = noted(path);
  const ends = new Map<string, number>();
  /** Where the suspects end, those that have been drained among them; null when there are none. */
  let suspects: Position | null = null;
  /** Where those begin that the next process has to suspect. */
  let drained: Position = { segment: 0, offset: 0 };
  let inHand: Count | null = null;
  let running = false;
  let said: string | undefined;
  let saving: Promise<Error | null> | undefined;
  /** The write under way did not end in time. */
  let late = false;
  let failed = false;

  /** What the file should say. Whoever is in hand comes first: of more than the page takes, the last ones are not noted. */
  function toSay(): string {
    const counts = new Map(inHand ? [inHand] : []);
    for (const [id, count] of ends) if (!counts.has(id)) counts.set(id, count);
    const left = suspects && isBefore(drained, suspects) ? suspects : null;
    return jsonOf({ running, suspects: left, ends: [...counts] });
  }

  /** One write at a time. What is to be said when it ends comes next. */
  async function save(): Promise<Error | null> {
    let next: string;
    let cause: Error | null;
    do {
      next = toSay();
      cause = await write(path, next);
      late = false;
    } while (toSay() !== next);
    said = cause ? undefined : next;
    saving = undefined;
    return cause;
  }

  function begun(): Promise<Error | null> {
    if (saving === undefined && toSay() !== said) saving = save();
    return saving ?? Promise.resolve(null);
  }

  /** Resolves when it is there, or has failed, or is late. What is late is not waited for again. */
  async function saved(): Promise<void> {
    const under = begun();
    if (!late) await waitFor(under, LATE_MS);
  }

  async function waitFor(under: Promise<Error | null>, waitMs: number): Promise<void> {
    const cause = await within(under, waitMs);
    late = cause === LATE && saving !== undefined;
    if (late) tellLater(under);
    else if (cause !== LATE) tell(cause);
  }

  /** A disk that is only busy is not told of. */
  function tellLater(under: Promise<Error | null>): void {
    const timer = setTimeout(tell, HUNG_MS, HUNG).unref();
    void under.then((cause) => {
      clearTimeout(timer);
      tell(cause);
    });
  }

  function tell(cause: Error | null): void {
    if (cause && !failed) onFault({ kind: "in-hand-failed", cause });
    failed = cause !== null;
  }

  return {
    found(id) {
      const count = before.ends.get(id);
      if (count !== undefined) ends.set(id, count);
    },
    opened(end) {
      suspects = before.running ? end : before.suspects;
      running = true;
      return saved();
    },
    endsOf(id, start) {
      const isSuspect = suspects !== null && (start === undefined || isBefore(start, suspects));
      return ends.get(id) ?? (isSuspect ? 1 : 0);
    },
    async begin(id, count) {
      if (!running) return;
      inHand = [id, count + 1];
      await saved();
    },
    end() {
      if (!inHand || !running) return;
      ends.delete(inHand[0]);
      inHand = null;
      // Where the next suspect comes at once, its note takes this one back.
      setImmediate(begun);
    },
    close(until) {
      running = false;
      inHand = null;
      drained = until;
      // Nothing waits behind it, and a clean end that is not noted makes suspects of records that are none.
      return waitFor(begun(), HUNG_MS);
    },
  };
}

/** The name of the file. */
export const IN_HAND = "in-hand";

/** What a record waits at most. A write to memory takes a tenth of a millisecond; what takes longer waits for a disk that hangs. */
const LATE_MS = 80;
const LATE = new Error("The note is late");
const HUNG_MS = 2_000;
const HUNG = new Error(`The disk has not taken the note for ${HUNG_MS} ms`);

/** The file's size: one page of memory, which a killed process has written whole or not at all. About a hundred records. */
const PAGE_BYTES = 4096;
/** Of the page, for the checksum and the line feeds. */
const FRAME_BYTES = 10;

type Count = readonly [id: string, ends: number];

interface Note {
  /** A process has begun, and has not ended cleanly. */
  readonly running: boolean;
  /** What stands before this and is not drained was there at an unclean end, and has not been read since. */
  readonly suspects: Position | null;
  readonly ends: readonly Count[];
}

/** With as many of the counts as there is room for, the first ones. */
function jsonOf(note: Note): string {
  const json = JSON.stringify(note);
  if (Buffer.byteLength(json) <= PAGE_BYTES - FRAME_BYTES) return json;
  return jsonOf({ ...note, ends: note.ends.slice(0, note.ends.length * 0.9) });
}

/** `<crc32>`, and the note in the next line. Opened each time, because somebody may have taken the file away. */
async function write(path: string, json: string): Promise<Error | null> {
  const page = Buffer.alloc(PAGE_BYTES, " ");
  page.write(`${checksumOf(json)}\n${json}\n`);
  try {
    // Not truncated: what is noted stays until this note is there.
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      const { bytesWritten } = await file.write(page, 0, PAGE_BYTES, 0);
      return bytesWritten < PAGE_BYTES ? new Error("Only a part of the note was written") : null;
    } finally {
      await file.close();
    }
  } catch (cause) {
    return cause as Error;
  }
}

/** What it resolves to, or `LATE`. */
async function within(saving: Promise<Error | null>, waitMs: number): Promise<Error | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Error>((resolve) => {
    // Behind a turn that took long the timer comes first, and the answer may be there.
    timer = setTimeout(() => setImmediate(resolve, LATE), waitMs);
  });
  return Promise.race([saving, late]).finally(() => clearTimeout(timer));
}

function noted(path: string): { running: boolean; suspects: Position | null; ends: ReadonlyMap<string, number> } {
  try {
    const [checksum, json = ""] = readPage(path).split("\n");
    // Wrong counts could put a record into quarantine unread. Without any the guilty one is only found later.
    if (checksum !== checksumOf(json)) throw new Error("This is no note of ours");
    const { running, suspects, ends } = JSON.parse(json) as Note;
    return { running, suspects, ends: new Map(ends) };
  } catch {
    return { running: false, suspects: null, ends: new Map() };
  }
}

function checksumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}

/** No more than we write, because a person may have put any file there; nor is a pipe waited for. */
function readPage(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    return page.toString("utf8", 0, readSync(file, page, 0, PAGE_BYTES, 0));
  } finally {
    closeSync(file);
  }
}
