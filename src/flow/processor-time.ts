/** How much of the processor each of many short pieces of work took, without asking the kernel for each. */
export interface ProcessorTime {
  /** The first piece begins. */
  begin(): void;
  /** Milliseconds that the piece took which ends here; the next one begins. */
  took(): number;
}

/**
 * Other programs get the processor for a millisecond and more, so that in less the clock is right. The kernel adds up what
 * each of our threads has used, which takes three to eight microseconds: as long as a twentieth of a report.
 */
const MOMENT_MS = 0.5;

/** `nowMs` is monotonic. `usedMs`: how much of the processor the process has used so far. */
export function createProcessorTime(nowMs: () => number, usedMs: () => number): ProcessorTime {
  let atMs = 0;
  let askedMs = 0;
  /** What was given since the kernel was asked. */
  let givenMs = 0;
  return {
    begin() {
      atMs = nowMs();
      askedMs = usedMs();
      givenMs = 0;
    },
    took() {
      const now = nowMs();
      const passedMs = now - atMs;
      atMs = now;
      if (passedMs <= MOMENT_MS) {
        givenMs += passedMs;
        return passedMs;
      }
      const usedSinceMs = usedMs() - askedMs;
      const tookMs = Math.max(0, Math.min(passedMs, usedSinceMs - givenMs));
      askedMs += usedSinceMs;
      givenMs = 0;
      return tookMs;
    },
  };
}

/** In milliseconds. */
export function usedByProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
