/**
 * Work beside other work: a lane for each key, in order, one at a time. Lanes do not
 * wait for each other, and whoever hands work in waits for none: what finds no room
 * in its lane is put aside, and fetched when its turn comes.
 */
export interface Lanes<T> {
  hand(key: string, item: T, size: number): void;
  /** Resolves when nothing is under way in any lane. */
  idle(): Promise<void>;
}

export interface LanesOptions<T> {
  /** Never rejects. */
  readonly work: (item: T) => Promise<void>;
  /** The sizes that one lane holds, summed up. */
  readonly room: number;
  /** Lets go of an item, and says how to fetch it: never rejecting; undefined when it is not to be had any more. */
  readonly putAside: (item: T) => () => Promise<T | undefined>;
}

interface Place<T> {
  readonly fetch: () => T | Promise<T | undefined>;
  /** How much of its lane's room it takes. */
  readonly size: number;
}

interface Lane<T> {
  readonly waiting: Place<T>[];
  /** The sizes of what waits, and of what is under way. */
  held: number;
  done: Promise<void>;
}

export function createLanes<T>({ work, room, putAside }: LanesOptions<T>): Lanes<T> {
  const lanes = new Map<string, Lane<T>>();

  async function run(key: string, lane: Lane<T>): Promise<void> {
    for (let next = lane.waiting.shift(); next; next = lane.waiting.shift()) {
      const item = await next.fetch();
      if (item !== undefined) await work(item);
      lane.held -= next.size;
    }
    lanes.delete(key);
  }

  return {
    hand(key, item, size) {
      const lane = lanes.get(key);
      if (!lane) {
        const begun: Lane<T> = { waiting: [{ fetch: () => item, size }], held: size, done: Promise.resolve() };
        lanes.set(key, begun);
        begun.done = run(key, begun);
        return;
      }
      const fits = lane.held + size <= room;
      lane.waiting.push(fits ? { fetch: () => item, size } : { fetch: putAside(item), size: 0 });
      if (fits) lane.held += size;
    },

    async idle() {
      while (lanes.size > 0) await Promise.all([...lanes.values()].map(({ done }) => done));
    },
  };
}
