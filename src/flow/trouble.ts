/** One outage of publishing, however many records fail in it. */
export interface Trouble {
  /** Why the last attempt failed; null while none fails. */
  cause(): Error | null;
  /** Something begins to fail. */
  begin(cause: Error): void;
  /** It fails once more. */
  goOn(cause: Error): void;
  /** It fails no longer, or is given up. */
  end(): void;
  /** From now on the end of a trouble is not told, because what fails is left to the next start. */
  stop(): void;
}

export interface TroubleOptions {
  readonly onTrouble: (cause: Error) => void;
  readonly onRecovered: () => void;
}

export function createTrouble({ onTrouble, onRecovered }: TroubleOptions): Trouble {
  let last: Error | null = null;
  let failing = 0;
  let stopped = false;

  return {
    cause: () => last,
    begin(cause) {
      failing += 1;
      // A record that can never be published is one trouble, however many others are published meanwhile.
      if (last !== null) return;
      last = cause;
      onTrouble(cause);
    },
    goOn(cause) {
      last = cause;
    },
    end() {
      failing -= 1;
      if (failing > 0 || stopped) return;
      last = null;
      onRecovered();
    },
    stop() {
      stopped = true;
    },
  };
}
