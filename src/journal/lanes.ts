/**
 * Work beside other work: a lane for each key, in order, one at a time. Lanes do not
 * wait for each other, and whoever hands work in does not wait for any, unless more
 * waits in that lane than it may hold.
 */
export interface Lanes<T> {
  /** Resolves when it has a place in its lane; at once, but in a lane that is full. */
  hand(key: string, item: T, size: number): Promise<void>;
  /** Resolves when nothing is under way in any lane. */
  idle(): Promise<void>;
}

export interface LanesOptions<T> {
  /** Never rejects. */
  readonly work: (item: T) => Promise<void>;
  /** The sizes that may wait in one lane, summed up. One item may always. */
  readonly room: number;
}

interface Lane<T> {
  readonly waiting: { readonly item: T; readonly size: number }[];
  /** Of what waits, and of what is under way. */
  held: number;
  readonly full: (() => void)[];
  done: Promise<void>;
}

export function createLanes<T>({ work, room }: LanesOptions<T>): Lanes<T> {
  const lanes = new Map<string, Lane<T>>();

  async function run(key: string, lane: Lane<T>): Promise<void> {
    for (let next = lane.waiting.shift(); next; next = lane.waiting.shift()) {
      await work(next.item);
      lane.held -= next.size;
      for (const wake of lane.full.splice(0)) wake();
      // Whoever was woken takes its place before the lane may count as empty.
      await Promise.resolve();
    }
    lanes.delete(key);
  }

  return {
    async hand(key, item, size) {
      for (;;) {
        const lane = lanes.get(key);
        if (!lane) {
          const begun: Lane<T> = { waiting: [{ item, size }], held: size, full: [], done: Promise.resolve() };
          lanes.set(key, begun);
          begun.done = run(key, begun);
          return;
        }
        if (lane.held === 0 || lane.held + size <= room) {
          lane.waiting.push({ item, size });
          lane.held += size;
          return;
        }
        await new Promise<void>((resolve) => lane.full.push(resolve));
      }
    },

    async idle() {
      while (lanes.size > 0) await Promise.all([...lanes.values()].map(({ done }) => done));
    },
  };
}
