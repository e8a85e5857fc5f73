/**
 * Messages that only reading has shown to belong into quarantine, and that find no room
 * there. They have been answered 250, so they wait where they are, in the journal, until
 * a person has made room. Nothing else waits for them.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Entry, Place } from "../journal/backlog.ts";
import type { Journal } from "../journal/journal.ts";
import { isBefore } from "../journal/segments.ts";
import type { Taken } from "./in-batches.ts";
import { type AwaitedRoom, isPromised } from "./room.ts";

export interface Aside {
  /** Whether further reports of this peer may be taken in: those that wait are no more than its share of the journal. */
  has(peer: string): boolean;
  /** Whether a record may go where it belongs. One that may not waits from now on. */
  mayGo(taken: Taken): boolean;
  /** Lets go what has room now, and moves behind the others what holds them up. */
  look(work: AsideWork): Promise<void>;
  /** Moves behind the others what holds up any: the next start would drain all of these again. Before a stop. */
  leave(work: Pick<AsideWork, "read">): Promise<void>;
  /** Of all peers, or of one. */
  use(peer?: string): AsideUse;
  /** Peers whose further reports may not be taken in. */
  full(): readonly string[];
}

/** What looking takes. */
export interface AsideWork {
  /** Undefined when the record is not to be had any more, or not now. Never rejects. */
  readonly read: (place: Place) => Promise<Entry | undefined>;
  /** Drains a record, or lets it wait again. Never rejects. */
  readonly drain: (entry: Entry) => Promise<void>;
}

export interface AsideUse {
  readonly records: number;
  /** As they are on the disk. */
  readonly bytes: number;
}

export interface AsideOptions {
  readonly journal: Pick<Journal, "moveToEnd" | "isHeldUpBy"> & {
    readonly backlog: Pick<Journal["backlog"], "putAside" | "done" | "doneAhead">;
  };
  /** Of the journal. */
  readonly maxBytes: number;
  readonly quarantine: AwaitedRoom;
  /** A message of this peer waits, which would take so many bytes of the room. Told when it begins to, and at each look for one of each peer. */
  readonly onWaits: (peer: string, bytes: number) => void;
  /** Once, when a peer's messages begin to wait; `onOver` once, when none waits any more. */
  readonly onBegin: (peer: string) => void;
  readonly onOver: (peer: string) => void;
  /** A message that waits for so long, in milliseconds, with others done behind it, is moved to the journal's end. */
  readonly movedAfterMs?: number;
}

interface Waiting {
  readonly id: string;
  readonly place: Place;
  readonly peer: string;
  /** What it would take of the room in quarantine. */
  readonly bytes: number;
  /** Monotonic, in milliseconds. */
  readonly sinceMs: number;
}

/**
 * After a kill, what was drained behind one that waits is drained again. So it is moved after as long as drained
 * records are kept for a Redis that loses its last second: then neither gives more to publish again than the other.
 */
const MOVED_AFTER_MS = 60_000;
/** In one synced write. */
const MOVED_AT_ONCE = 64;
/** And for each so many bytes that wait as long again: what a bug of ours has put aside is not written anew each minute. */
const MOVED_BYTES = 2 * 1024 * 1024;

type HoldsUp = (waiting: Waiting, hasDoneBehind: boolean) => boolean;

interface OfPeer {
  readonly waiting: Set<Waiting>;
  /** As they are on the disk. */
  bytes: number;
}

const NOTHING: OfPeer = { waiting: new Set(), bytes: 0 };

export function createAside(options: AsideOptions): Aside {
  const { journal, maxBytes, quarantine, movedAfterMs = MOVED_AFTER_MS, ...told } = options;
  const { backlog } = journal;
  const peers = new Map<string, OfPeer>();
  /** Peers whose messages wait, and at how many looks none did: one that is moved comes back in a moment. */
  const begun = new Map<string, number>();
  /** Put aside before what is in quarantine was counted. Any of them may be there: it was done behind one that waits. */
  const uncounted = new Set<Waiting>();
  const share = maxBytes * BOUNDS.asideShare.value;

  function put(waiting: Waiting): void {
    const peer = peers.get(waiting.peer) ?? { waiting: new Set(), bytes: 0 };
    peers.set(waiting.peer, peer);
    peer.waiting.add(waiting);
    peer.bytes += sizeOf(waiting.place);
    // Before that it is not known whether it has to wait.
    if (quarantine.isCounted()) tellOf(waiting);
    else uncounted.add(waiting);
  }

  function take(fits: (waiting: Waiting) => boolean): Waiting | undefined {
    const found = firsts().find(fits);
    return found && remove(found) ? found : undefined;
  }

  /** False when it waits no longer. */
  function remove(waiting: Waiting): boolean {
    const peer = peers.get(waiting.peer);
    uncounted.delete(waiting);
    if (!peer?.waiting.delete(waiting)) return false;
    peer.bytes -= sizeOf(waiting.place);
    if (peer.waiting.size === 0) peers.delete(waiting.peer);
    return true;
  }

  /** The first of each peer, in the journal's order: only the first of all keeps others from being drained. */
  function firsts(): readonly Waiting[] {
    const all = [...peers.values()].flatMap(({ waiting: [first] }) => (first ? [first] : []));
    return all.sort((one, other) => (isBefore(one.place.start, other.place.start) ? -1 : 1));
  }

  const use = (peer?: string): AsideUse =>
    useOf(peer === undefined ? [...peers.values()] : [peers.get(peer) ?? NOTHING]);

  const has = (peer: string): boolean => (peers.get(peer)?.bytes ?? 0) < share;

  return {
    has,

    mayGo({ entry: { start, end }, ready: { record, job } }) {
      // What is no message has a place already.
      if (record.kind !== "message") return true;
      if (job?.kind !== "quarantine") {
        if (isPromised(record)) quarantine.broken(record.id);
        return true;
      }
      if (isPromised(record)) return true;
      const { peer, raw } = job.message;
      const message = { peer: peer.name, bytes: raw.length };
      if (quarantine.takes(record.id, message)) {
        quarantine.promised(record.id, message);
        return true;
      }
      backlog.putAside({ start, end });
      put({ id: record.id, place: { start, end }, ...message, sinceMs: performance.now() });
      return false;
    },

    async look({ read, drain }) {
      const hasRoom = (one: Waiting): boolean => quarantine.takes(one.id, one);
      const letGo = async ({ place }: Waiting): Promise<void> => {
        const entry = await read(place);
        if (entry) await drain(entry);
      };
      if (quarantine.isCounted()) {
        for (const one of [...uncounted].filter(hasRoom)) if (remove(one)) await letGo(one);
        uncounted.clear();
        for (let one = take(hasRoom); one; one = take(hasRoom)) await letGo(one);
      }
      // Those that wait beside it would hold up as much after they were moved. One may be enough.
      await moveAll(({ place }) => journal.isHeldUpBy(place, use().bytes), 1, read);
      const dueMs = performance.now() - movedAfterMs * (1 + use().bytes / MOVED_BYTES);
      await moveAll((one, hasDoneBehind) => hasDoneBehind && one.sinceMs < dueMs, MOVED_AT_ONCE, read);
      if (!quarantine.isCounted()) return;
      for (const waiting of firsts()) tellOf(waiting);
      tellOver();
    },

    leave: ({ read }) => moveAll((_, hasDoneBehind) => hasDoneBehind, MOVED_AT_ONCE, read),

    use,
    full: () => [...peers.keys()].filter((peer) => !has(peer)),
  };

  function tellOf({ peer, bytes }: Waiting): void {
    if (!begun.has(peer)) told.onBegin(peer);
    begun.set(peer, 0);
    told.onWaits(peer, bytes);
  }

  function tellOver(): void {
    for (const [peer, looks] of begun) {
      if (peers.has(peer)) continue;
      if (looks === 0) begun.set(peer, 1);
      else if (begun.delete(peer)) told.onOver(peer);
    }
  }

  /** So many at once. Ends when the disk does not take them. */
  async function moveAll(holdsUp: HoldsUp, atOnce: number, read: AsideWork["read"]): Promise<void> {
    for (let isMoving = true; isMoving; ) {
      // Once for all of these, because it goes through all that was taken.
      const lastDone = backlog.doneAhead().at(-1);
      const isOne = (one: Waiting): boolean => holdsUp(one, isBefore(one.place.start, lastDone ?? one.place.start));
      const some: Waiting[] = [];
      for (let one = take(isOne); one; one = some.length < atOnce ? take(isOne) : undefined) some.push(one);
      const moved = await Promise.all(some.map(({ place }) => moveToEnd(journal, place, read)));
      for (const [index, one] of some.entries()) if (!moved[index]) put(one);
      isMoving = some.length > 0 && moved.every(Boolean);
    }
  }
}

/** False when the disk does not take it, which the journal tells. */
async function moveToEnd(journal: AsideOptions["journal"], place: Place, read: AsideWork["read"]): Promise<boolean> {
  const entry = await read(place);
  if (!entry) return true;
  try {
    await journal.moveToEnd(entry.record, place.start);
  } catch {
    return false;
  }
  journal.backlog.done(place);
  return true;
}

function useOf(peers: readonly OfPeer[]): AsideUse {
  return {
    records: peers.reduce((sum, { waiting }) => sum + waiting.size, 0),
    bytes: peers.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function sizeOf({ start, end }: Place): number {
  return end.offset - start.offset;
}
