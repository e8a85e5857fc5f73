/**
 * Writes what became of records beside their segments, about once a second. It is not synced, and no report waits
 * for it. The journal's cursor is saved behind it, so that a killed process loses nothing of it: what it had not
 * written is worked off once more.
 */
import { appendFile, rm } from "node:fs/promises";
import { BOUNDS } from "../bounds/bounds.ts";
import type { OnArchiveFault } from "./fault.ts";
import { fatesPath } from "./places.ts";

export interface FateWriter {
  /** Remembers lines of a segment's fates until the next flush. */
  add(segment: number, lines: string): void;
  /** Writes what waits. Never rejects: what the disk does not take is lost, and told once. */
  flush(): Promise<void>;
  /** Removes the fates of a segment, which is not archived. */
  remove(segment: number): Promise<void>;
}

/** `directory`: of the journal. */
export function createFateWriter(directory: string, onFault: OnArchiveFault): FateWriter {
  /** As bytes: texts that wait for a second are many small objects, which the collector copies again and again. */
  let waiting = new Map<number, Buffer[]>();
  let waitingBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  let failed = false;

  async function write(lines: ReadonlyMap<number, readonly Buffer[]>): Promise<void> {
    try {
      for (const [segment, pieces] of lines) {
        await appendFile(fatesPath(directory, segment), Buffer.concat(pieces), { mode: 0o600 });
      }
      failed = false;
    } catch (cause) {
      tell(cause as Error);
    }
  }

  function tell(cause: Error): void {
    if (!failed) onFault({ kind: "fates-failed", cause });
    failed = true;
  }

  return {
    add(segment, lines) {
      const bytes = Buffer.from(lines);
      if (waitingBytes + bytes.byteLength > BOUNDS.fatesWaiting.value) {
        tell(new Error("The disk does not keep up"));
        return;
      }
      waitingBytes += bytes.byteLength;
      const before = waiting.get(segment);
      if (before) before.push(bytes);
      else waiting.set(segment, [bytes]);
    },
    flush() {
      writing = writing.then(() => {
        if (waiting.size === 0) return undefined;
        const lines = waiting;
        waiting = new Map();
        waitingBytes = 0;
        return write(lines);
      });
      return writing;
    },
    remove: (segment) => rm(fatesPath(directory, segment), { force: true }),
  };
}
