/** Runs at most this many works at a time, in the order in which they came. */
export function createTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  const begin = (): void => {
    running += 1;
  };
  return async (work) => {
    // A place is counted at the moment it is given away, so that no newcomer takes it in between.
    if (running < most) begin();
    else await new Promise<void>((resolve) => waiting.push(() => resolve(begin())));
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}
