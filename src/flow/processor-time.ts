/** How much of the processor each of many short pieces of work took, without asking the kernel for each. */
export interface ProcessorTime {
  /** The first piece begins. */
  begin(): void;
  /** Milliseconds that the piece took which ends here; the next one begins. Null when that is not known. */
  took(): number | null;
}

/**
 * Other programs get the processor for a millisecond and more, so that in less the clock is right. The kernel adds up what
 * each of our threads has used: 170 us were seen in a busy service, as much as a report takes.
 */
const MOMENT_MS = 1;
/** Where a piece has taken longer, the kernel is asked for a while before the first one too. */
const ASKED_FOR_MS = 1_000;

/** `nowMs` is monotonic. `usedMs`: how much of the processor the process has used so far. */
export function createProcessorTime(nowMs: () => number, usedMs: () => number): ProcessorTime {
  let atMs = 0;
  let askedUntilMs = 0;
  /** What the kernel said, and what of it has been told since; null where it was not asked. */
  let asked: { usedMs: number; toldMs: number } | null = null;
  return {
    begin() {
      atMs = nowMs();
      asked = atMs < askedUntilMs ? { usedMs: usedMs(), toldMs: 0 } : null;
    },
    took() {
      const now = nowMs();
      const passedMs = now - atMs;
      atMs = now;
      if (passedMs <= MOMENT_MS) {
        if (asked) asked.toldMs += passedMs;
        return passedMs;
      }
      askedUntilMs = now + ASKED_FOR_MS;
      const before = asked;
      asked = { usedMs: usedMs(), toldMs: 0 };
      return before && Math.max(0, Math.min(passedMs, asked.usedMs - before.usedMs - before.toldMs));
    },
  };
}

/** In milliseconds. */
export function usedByProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
