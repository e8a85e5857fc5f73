/**
 * Has the archive packed and kept within its bounds. Of several processes the first does it for all. It is done in a
 * thread that ends when there has been nothing to do for a while.
 */
import { readdir, statfs } from "node:fs/promises";
import { basename } from "node:path";
import { Worker } from "node:worker_threads";
import { BOUNDS } from "../bounds/bounds.ts";
import type { ArchiveFault, OnArchiveFault } from "./fault.ts";
import { tooFewOf } from "./files.ts";
import { packingDirectory } from "./places.ts";
import type { Work, Worked } from "./work.ts";

/** The program of the thread, as the build makes it. */
export const PACKING_THREAD = new URL("packing-thread.js", import.meta.url);

export interface PackingOptions extends Pick<Work, "archive" | "hours" | "maxBytes"> {
  readonly thread: URL;
  /** The directories of all journals, by the numbers of their processes. */
  readonly journals: () => Work["journals"];
  readonly onFault: OnArchiveFault;
  /** What waits is packed at most so often, in milliseconds: looking costs something too. */
  readonly everyMs?: number;
  /** The thread ends when it has had nothing to do for so long, in milliseconds. */
  readonly lingersMs?: number;
}

/** How the archive is. */
export interface ArchiveStatus {
  readonly bytes: number;
  readonly maxBytes: number;
  /** When its earliest record was received; null when it has none. */
  readonly oldestAt: Date | null;
  /** What is wrong with it; null when nothing is. */
  readonly fault: ArchiveFault | null;
}

export interface Packing {
  /** Looks whether there is something to do, about once a second. Never rejects, and waits for no work. */
  look(): Promise<void>;
  status(): ArchiveStatus;
  /** Ends the thread. What it was doing is done after the next start. */
  close(): Promise<void>;
}

const EVERY_MS = 5_000;
const AGAIN_MS = 10_000;
/**
 * Beginning a thread, and running code that V8 has not compiled yet, costs as much as packing ten thousand reports. At a
 * high rate a segment comes every few seconds, and at a low one the start of a thread a minute does not matter.
 */
const LINGERS_MS = 30_000;
/** The clock of the system may step, and somebody may have removed or added files. */
const MEASURED_EVERY_MS = 600_000;

export function createPacking(options: PackingOptions): Packing {
  const { archive, hours, maxBytes, thread, journals, onFault } = options;
  const { everyMs = EVERY_MS, lingersMs = LINGERS_MS } = options;
  let worker: Worker | undefined;
  let busy = false;
  let closed = false;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let workedMs = Number.NEGATIVE_INFINITY;
  let known: Worked | undefined;
  /** What was wrong in the last run, and is told once. */
  let standing: readonly ArchiveFault[] = [];

  async function isDue(): Promise<boolean> {
    if (known === undefined && (await isEmpty(archive))) return false;
    const agoMs = performance.now() - workedMs;
    if (known === undefined || agoMs >= MEASURED_EVERY_MS) return agoMs >= AGAIN_MS;
    if (standing.some(({ kind }) => kind === "pack-failed") && agoMs < AGAIN_MS) return false;
    const names = await readdir(packingDirectory(archive)).catch(() => []);
    if (names.some((name) => name.endsWith(".journal"))) return true;
    if (known.bytes === 0) return false;
    return (known.dueMs !== null && known.dueMs <= Date.now()) || tooFewOf(await statfs(archive)) > 0;
  }

  function begin(): void {
    const work: Work = { archive, journals: journals(), hours, maxBytes, nowMs: Date.now() };
    busy = true;
    worker ??= start();
    worker.ref();
    worker.postMessage(work);
  }

  function start(): Worker {
    const made = new Worker(thread, {
      resourceLimits: { maxOldGenerationSizeMb: BOUNDS.packingBytes.value / 2 ** 20 },
    });
    made.on("message", (worked: Worked) => {
      known = worked;
      workedMs = performance.now();
      busy = false;
      // While it has nothing to do it keeps no process alive.
      made.unref();
      tell(worked.faults);
    });
    made.on("error", (cause) => tell([{ kind: "pack-failed", cause }]));
    made.on("exit", () => {
      workedMs = performance.now();
      busy = false;
      worker = undefined;
    });
    return made;
  }

  /** What goes on is told once, until a run was without it. */
  function tell(faults: readonly ArchiveFault[]): void {
    for (const fault of faults) {
      const goesOn = standing.some(({ kind }) => kind === fault.kind);
      if (!goesOn || fault.kind === "damaged" || fault.kind === "unreadable") onFault(fault);
    }
    standing = faults;
  }

  return {
    async look() {
      if (busy || closed || performance.now() - lookedMs < everyMs) return;
      lookedMs = performance.now();
      try {
        if ((await isDue()) && !closed) begin();
        else if (performance.now() - workedMs > lingersMs) await worker?.terminate();
      } catch (cause) {
        workedMs = performance.now();
        tell([{ kind: "pack-failed", cause: cause as Error }]);
      }
    },
    status() {
      const { bytes = 0, oldestMs = null } = known ?? {};
      return { bytes, maxBytes, oldestAt: oldestMs === null ? null : new Date(oldestMs), fault: standing[0] ?? null };
    },
    async close() {
      closed = true;
      await worker?.terminate();
    },
  };
}

/** As it is made at the start of each service. One that is no directory is told of by those who write into it. */
async function isEmpty(archive: string): Promise<boolean> {
  const packing = packingDirectory(archive);
  const names = [...(await namesIn(archive)), ...(await namesIn(packing))];
  return names.every((name) => name === basename(packing));
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return [];
    throw cause;
  });
}
