/** Reads what is in the journal, some at a time, and notes on the disk what is in hand: that may end the process. */
import type { Entry } from "../journal/backlog.ts";
import type { InHand } from "../journal/in-hand.ts";
import { type JournalRecord, peerOf } from "../journal/record.ts";
import { MOST_ENDS, type ReadRecords, type Ready } from "./ready.ts";
import { createSlowPeers } from "./slow-peers.ts";

/** A record, and what was read. */
export interface Taken {
  readonly entry: Entry;
  readonly ready: Ready;
}

export interface InBatches {
  /** Takes entries out of the list, one at least, and reads them until there has been enough of it. */
  some(entries: Entry[]): readonly Taken[];
  one(record: JournalRecord): Ready;
  /** Whether the records of this peer take so long to be read that others must not wait for them. */
  isSlow(peer: string): boolean;
}

export interface InBatchesOptions {
  readonly inHand: InHand;
  readonly read: ReadRecords;
  /** Monotonic. Tests hand in their own. */
  readonly nowMs?: () => number;
}

/** No reply is written meanwhile, and the header of one record may take a hundred times as long as most. */
const READ_FOR_MS = 2;

export function createInBatches({ inHand, read, nowMs = () => performance.now() }: InBatchesOptions): InBatches {
  /** It may be what ended the process before: then no other one is in hand with it. */
  const isSuspect = (entry: Entry): boolean => inHand.endsOf(entry.record.id) > 0;

  const slowPeers = createSlowPeers(nowMs);

  function timed(record: JournalRecord, ends: number): Ready {
    const beganMs = nowMs();
    const ready = read(record, ends);
    slowPeers.count(peerOf(record), nowMs() - beganMs);
    return ready;
  }

  function one(record: JournalRecord): Ready {
    const ends = inHand.endsOf(record.id);
    // What is left unread stays counted, because it comes again when Redis has changed, or after a crash.
    if (ends >= MOST_ENDS) return read(record, ends);
    inHand.begin([record.id]);
    const ready = timed(record, ends);
    inHand.end();
    return ready;
  }

  return {
    some(entries) {
      const suspect = entries.findIndex(isSuspect);
      if (suspect === 0) return entries.splice(0, 1).map((entry) => ({ entry, ready: one(entry.record) }));
      const most = suspect === -1 ? entries.length : suspect;
      const untilMs = nowMs() + READ_FOR_MS;
      const taken: Taken[] = [];
      inHand.begin(entries.slice(0, most).map(({ record: { id } }) => id));
      for (const entry of entries.slice(0, most)) {
        taken.push({ entry, ready: timed(entry.record, 0) });
        if (nowMs() >= untilMs) break;
      }
      inHand.end();
      entries.splice(0, taken.length);
      return taken;
    },
    one,
    isSlow: slowPeers.isSlow,
  };
}
