/**
 * Whether the Redis that is watched takes writes, and whether its content is still there.
 * Redis may answer and still refuse writes: no memory, or a failed disk.
 */
import type { QueuePlace } from "./queue-place.ts";
import { redisFault } from "./redis-faults.ts";
import { readMark, writeProbe } from "./redis-probe.ts";
import type { RedisServer } from "./redis-server.ts";

export interface WritesWatch {
  /** Tries a write, at most once in five seconds. */
  probe(): Promise<void>;
  /** Makes the next probe due at once, because Redis has gone away. */
  probeAgain(): void;
  /** Reads the mark, at each look, because jobs that were queued after the removal would be lost otherwise. */
  lookAtMark(server: RedisServer): Promise<void>;
  /** Why the last write that was tried was refused; null when it was taken. */
  fault(): string | null;
  /** When Redis took the last write that was tried; null when it never has. */
  writtenAt(): Date | null;
  /**
   * Which Redis it is, and which content; null when it cannot be trusted. A Redis that cannot write to its disk
   * keeps jobs in its memory only, so nothing becomes safe by being there.
   */
  identityToTrust(server: RedisServer): string | null;
}

const PROBE_EVERY_MS = 5_000;

/** `onEmptied` is called when the mark is another one, so that the content is gone. */
export function watchWrites(place: QueuePlace, onEmptied: () => void): WritesWatch {
  let fault: string | null = null;
  let probedMs = Number.NEGATIVE_INFINITY;
  let writtenAt: Date | null = null;
  /** What the last look at the mark found; null before, and when it failed. */
  let marked: { readonly identity: string; readonly mark: string } | null = null;
  /** The last mark that was found; empty before. */
  let lastMark = "";

  return {
    async probe() {
      if (performance.now() - probedMs < PROBE_EVERY_MS) return;
      probedMs = performance.now();
      fault = await writeProbe(place).then(() => {
        writtenAt = new Date();
        return null;
      }, redisFault);
    },
    probeAgain() {
      probedMs = Number.NEGATIVE_INFINITY;
    },
    async lookAtMark({ identity }) {
      try {
        const mark = await readMark(place);
        if (lastMark !== "" && mark !== "" && mark !== lastMark) onEmptied();
        if (mark !== "") lastMark = mark;
        marked = { identity, mark };
      } catch {
        // Redis refuses writes, or is away by now: the probe, or the next look, says which.
        marked = null;
      }
    },
    fault: () => fault,
    writtenAt: () => writtenAt,
    identityToTrust({ appendOnlyWritten, identity }) {
      if (!appendOnlyWritten || fault !== null || marked?.identity !== identity) return null;
      return marked.mark === "" ? identity : `${identity} ${marked.mark}`;
    },
  };
}
