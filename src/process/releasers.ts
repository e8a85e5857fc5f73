/** What was started, and how it is released: in reverse, each once. */

export type Releaser = () => Promise<unknown>;

/** Last in, first out. One that fails does not keep the others from being released. False when one has failed. */
export async function releaseAll(releasers: Releaser[], onFault: (cause: Error) => void): Promise<boolean> {
  let clean = true;
  for (const release of releasers.splice(0).reverse()) {
    try {
      await release();
    } catch (cause) {
      clean = false;
      onFault(cause as Error);
    }
  }
  return clean;
}

/** Waits for some work, but not longer than a deadline. Whether it was done. */
export function within(deadlineMs: number, work: Promise<unknown>): Promise<boolean> {
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, new Promise<false>((late) => setTimeout(late, deadlineMs, false).unref())]);
}
