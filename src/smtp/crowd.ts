/**
 * Who is here now, of those who come and go. A Set would do, but V8 keeps what has left one until it collects the
 * whole heap: each table of a Set that was outgrown points to the next. So every connection would be copied twice.
 */
export interface Crowd<T> extends Iterable<T> {
  readonly size: number;
  /** Gives the way out, which may be taken more than once. */
  enter(one: T): () => void;
}

export function createCrowd<T>(): Crowd<T> {
  /** Undefined where somebody has left. */
  const seats: (T | undefined)[] = [];
  const free: number[] = [];

  return {
    get size() {
      return seats.length - free.length;
    },
    enter(one) {
      const seat = free.pop() ?? seats.length;
      seats[seat] = one;
      let isHere = true;
      return () => {
        if (!isHere) return;
        isHere = false;
        seats[seat] = undefined;
        free.push(seat);
      };
    },
    *[Symbol.iterator]() {
      for (const one of seats) if (one !== undefined) yield one;
    },
  };
}
