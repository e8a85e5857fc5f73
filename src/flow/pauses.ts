/** Pauses that a stop ends early. */
export interface Pauses {
  pause(ms: number): Promise<void>;
  endAll(): void;
}

export function createPauses(): Pauses {
  const ends = new Set<() => void>();
  return {
    pause: (ms) =>
      new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          ends.delete(end);
          resolve();
        };
        const timer = setTimeout(end, ms);
        ends.add(end);
      }),
    endAll() {
      for (const end of [...ends]) end();
    },
  };
}
