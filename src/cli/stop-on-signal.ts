/** Ends a command that runs for long where it may end: Ctrl-C is heard, and the command looks whether it was. */

/** The exit code by which shells tell of what Ctrl-C has ended. */
export const INTERRUPTED = 130;

export interface Stopping {
  /** Aborted by the first Ctrl-C, or SIGTERM. A second one ends the process at once. */
  readonly signal: AbortSignal;
  /** Hears no more. */
  end(): void;
}

export function stopOnSignal(): Stopping {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  return {
    signal: controller.signal,
    end(): void {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
    },
  };
}
