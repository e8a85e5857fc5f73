/** Publishes again what has not settled, because Redis has changed: some at a time, so that new work is not delayed. */
export interface Again {
  /** Resolves when all of it is published again, or when a later call or the stop has superseded this one. */
  publish(): Promise<void>;
  stop(): void;
}

export interface AgainOptions<T> {
  /** From the first that has not settled. */
  readonly unsettled: () => AsyncGenerator<T>;
  /** Resolves when it is published, moved, or left because of the stop. */
  readonly publish: (record: T) => Promise<unknown>;
  /** All of it was published again. */
  readonly onDone: () => void;
}

const IN_FLIGHT = 4;

export function createAgain<T>({ unsettled, publish, onDone }: AgainOptions<T>): Again {
  let generation = 0;
  let stopping = false;

  return {
    async publish() {
      generation += 1;
      const mine = generation;
      const records = unsettled();
      const work = async (): Promise<void> => {
        for (;;) {
          const { value, done } = await records.next();
          // When Redis changes once more, the next call begins at the same place.
          if (done || stopping || mine !== generation) return;
          await publish(value);
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, work));
      if (mine === generation && !stopping) onDone();
    },
    stop() {
      stopping = true;
    },
  };
}
