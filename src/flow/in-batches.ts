/** Reads what is in the journal, some at a time. What may have ended a process is read alone, and noted on the disk. */
import type { Entry } from "../journal/backlog.ts";
import type { InHand } from "../journal/in-hand.ts";
import { type JournalRecord, peerOf } from "../journal/record.ts";
import type { Position } from "../journal/segments.ts";
import { createProcessorTime, usedByProcess } from "./processor-time.ts";
import { MOST_ENDS, type ReadRecords, type Ready } from "./ready.ts";
import { createSlowPeers } from "./slow-peers.ts";

/** A record, and what was read. */
export interface Taken {
  readonly entry: Entry;
  readonly ready: Ready;
}

export interface InBatches {
  /** Takes entries out of the list, one at least, and reads them until there has been enough of it. */
  some(entries: Entry[]): Promise<readonly Taken[]>;
  /** `start`: where it stands; undefined for one that is published again. */
  one(record: JournalRecord, start: Position | undefined): Promise<Ready>;
  /** Works on a bounce, which is read when it is tied. All else is worked on at once. */
  tied<T>(record: JournalRecord, start: Position | undefined, work: () => Promise<T>): Promise<T>;
  /** Whether the records of this peer take so long to be read that others must not wait for them. */
  isSlow(peer: string): boolean;
}

export interface InBatchesOptions {
  readonly inHand: InHand;
  readonly read: ReadRecords;
  /** Monotonic. Tests hand in their own. */
  readonly nowMs?: () => number;
  /** How much of the processor was used so far. Tests hand in their own. */
  readonly usedMs?: () => number;
}

/**
 * So much of the processor. No reply is written meanwhile, and the header of one record may take a hundred times as long
 * as most. It is not the clock that counts: where other programs take the processor for longer, each batch would be of
 * one record, and every peer a slow one.
 */
const READ_FOR_MS = 2;

export function createInBatches(options: InBatchesOptions): InBatches {
  const { inHand, read, nowMs = () => performance.now(), usedMs = usedByProcess } = options;
  const slowPeers = createSlowPeers(nowMs);
  const time = createProcessorTime(nowMs, usedMs);
  /** What the record took that was read last; null when that is not known. */
  let tookMs: number | null = 0;
  let lastAlone: Promise<unknown> = Promise.resolve();

  /** Of what was read before it was stored nothing is read any more. */
  function endsOf(record: JournalRecord, start: Position | undefined): number {
    return record.kind === "message" || record.kind === "bounce" ? inHand.endsOf(record.id, start) : 0;
  }

  /** `time` has begun. */
  function timed(record: JournalRecord, ends: number): Ready {
    const ready = read(record, ends);
    tookMs = time.took();
    if (tookMs !== null) slowPeers.count(peerOf(record), tookMs);
    return ready;
  }

  function timedByItself(record: JournalRecord, ends: number): Ready {
    time.begin();
    return timed(record, ends);
  }

  /** It may be what ended the process before. So it is noted, and no other suspect is in hand with it. */
  function alone<T>(record: JournalRecord, ends: number, work: () => T | Promise<T>): Promise<T> {
    const worked = lastAlone.then(async () => {
      await inHand.begin(record.id, ends);
      try {
        return await work();
      } finally {
        inHand.end();
      }
    });
    lastAlone = worked.catch(() => {}); // The caller hears of it.
    return worked;
  }

  /** What is left unread stays counted, because it comes again when Redis has changed, or after a crash. */
  function suspected(record: JournalRecord, ends: number): Ready | Promise<Ready> {
    if (record.kind === "bounce" || ends >= MOST_ENDS) return read(record, ends);
    return alone(record, ends, () => timedByItself(record, ends));
  }

  return {
    async some(entries) {
      time.begin();
      let readForMs = 0;
      const taken: Taken[] = [];
      let areSuspects = false;
      for (const entry of entries) {
        const ends = endsOf(entry.record, entry.start);
        // Suspects are read alone, and put on the queue together.
        if (taken.length > 0 && ends > 0 !== areSuspects) break;
        areSuspects = ends > 0;
        const ready = areSuspects ? await suspected(entry.record, ends) : timed(entry.record, 0);
        taken.push({ entry, ready });
        // It is known of the next one, if that takes as long.
        readForMs += tookMs ?? 0;
        if (readForMs >= READ_FOR_MS) break;
      }
      entries.splice(0, taken.length);
      return taken;
    },
    async one(record, start) {
      const ends = endsOf(record, start);
      return ends === 0 ? timedByItself(record, 0) : suspected(record, ends);
    },
    tied(record, start, work) {
      const ends = record.kind === "bounce" ? endsOf(record, start) : 0;
      return ends === 0 || ends >= MOST_ENDS ? work() : alone(record, ends, work);
    },
    isSlow: slowPeers.isSlow,
  };
}
