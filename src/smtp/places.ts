/**
 * Places: how many connections may deliver at a time, in all and of each peer.
 * A connection that finds none may wait for one, in the order of coming. It waits only
 * for a place of its own peer.
 */
export interface PlacesOptions<Guest> {
  /** Most places in all. */
  readonly max: number;
  /** Most places of a guest's peer, as its entry says now. */
  readonly maxOf: (guest: Guest) => number;
  readonly onTaken: (guest: Guest) => void;
}

/** A connection that takes a place. */
export interface Guest {
  readonly peer: { readonly name: string } | undefined;
  /** The peer whose place it has. */
  countedAs: string | undefined;
}

export interface Places<G extends Guest> {
  /** Takes a place if one is free. True when the guest has a place now. */
  tryTake(guest: G): boolean;
  /** Calls back at once if the guest has a place, or else when one becomes free; with false when none does in time. */
  take(guest: G, patienceMs: number, done: (taken: boolean) => void): void;
  /** The guest has gone. */
  left(guest: G): void;
  /** Gives out places that are free because limits have changed. */
  look(): void;
  taken(): number;
  /** The places taken by each peer that has had any. */
  byPeer(): ReadonlyMap<string, number>;
}

interface Waiting {
  readonly done: (taken: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

export function createPlaces<G extends Guest>({ max, maxOf, onTaken }: PlacesOptions<G>): Places<G> {
  const counts = new Map<string, number>();
  /** In the order of coming. */
  const waiting = new Map<G, Waiting>();
  let total = 0;

  const add = (name: string, change: 1 | -1): void => {
    counts.set(name, (counts.get(name) ?? 0) + change);
    total += change;
  };

  function tryTake(guest: G): boolean {
    const name = guest.peer?.name;
    if (guest.countedAs !== undefined) return true;
    if (name === undefined || total >= max || (counts.get(name) ?? 0) >= maxOf(guest)) return false;
    guest.countedAs = name;
    add(name, 1);
    onTaken(guest);
    return true;
  }

  /** Takes a guest out of the queue. Undefined when it did not wait. */
  function stopWaiting(guest: G): Waiting | undefined {
    const one = waiting.get(guest);
    clearTimeout(one?.timer);
    waiting.delete(guest);
    return one;
  }

  function look(): void {
    for (const guest of waiting.keys()) {
      if (total >= max) return;
      if (tryTake(guest)) stopWaiting(guest)?.done(true);
    }
  }

  return {
    tryTake,
    take(guest, patienceMs, done) {
      if (tryTake(guest)) return done(true);
      const timer = setTimeout(() => stopWaiting(guest)?.done(false), patienceMs).unref();
      waiting.set(guest, { done, timer });
    },
    left(guest) {
      stopWaiting(guest);
      if (guest.countedAs === undefined) return;
      add(guest.countedAs, -1);
      guest.countedAs = undefined;
      look();
    },
    look,
    taken: () => total,
    byPeer: () => counts,
  };
}
