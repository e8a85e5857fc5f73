/**
 * Leaves the processor to the service. The lowest priority is not enough for that: a thread that has the processor keeps
 * it for some milliseconds, and replies wait meanwhile.
 */
import { readFileSync } from "node:fs";

/** Rests for as long as the work since the last time asks for. Blocks the thread. */
export type Rest = () => void;

/** Never rests. */
export const NO_REST: Rest = () => {};

/** So long for each millisecond of work: a tenth of a processor packs more than a service receives. */
const RESTS = 9;
/** Where this thread had to wait for a processor: a thirtieth of it is left to us. */
const RESTS_BESIDE_OTHERS = 30;
/** Of the time worked: less is how a system with processors enough works. */
const WAITED_PART = 0.25;
const LONGEST_MS = 2_000;

/** Where the system does not tell how long a thread has waited, as only Linux does, it never rests. */
export function createRest(): Rest {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let before = seen();
  return () => {
    const now = seen();
    if (before === null || now === null) return;
    const workedMs = now.workedMs - before.workedMs;
    const waitedMs = now.waitedMs - before.waitedMs;
    const rests = waitedMs > workedMs * WAITED_PART ? RESTS_BESIDE_OTHERS : RESTS;
    Atomics.wait(sleeper, 0, 0, Math.min(LONGEST_MS, workedMs * rests));
    before = seen();
  };
}

interface Seen {
  /** How long this thread has had a processor. */
  readonly workedMs: number;
  /** How long it has waited for one. */
  readonly waitedMs: number;
}

/** Linux, Documentation/scheduler/sched-stats.rst: nanoseconds on a processor, and waiting for one. */
function seen(): Seen | null {
  try {
    const [worked, waited] = readFileSync("/proc/thread-self/schedstat", "latin1").split(" ").map(Number);
    if (worked === undefined || waited === undefined || Number.isNaN(worked + waited)) return null;
    return { workedMs: worked / 1e6, waitedMs: waited / 1e6 };
  } catch {
    return null;
  }
}
