/**
 * Reads the body of a kept message in a thread of its own, because a hostile body can
 * hold mailparser for seconds, and in the service's thread everything else would wait.
 */
import { Worker } from "node:worker_threads";
import type { SavedBody } from "./saved-body.ts";

const DEADLINE_MS = 5_000;
const MAX_MEMORY_MB = 256;
const MAX_WAITING = 10;

let last: Promise<unknown> = Promise.resolve();
let waiting = 0;

/** Reads one at a time. Rejects when mailparser gives up or takes longer than 5 s, and when ten wait already. */
export async function readSavedBodyAside(bytes: Uint8Array): Promise<SavedBody> {
  if (waiting >= MAX_WAITING) throw new Error("too many are being read");
  waiting += 1;
  const mine = last.then(() => read(bytes));
  last = mine.catch(() => {}); // Its own caller gets the error.
  return mine.finally(() => {
    waiting -= 1;
  });
}

function read(bytes: Uint8Array): Promise<SavedBody> {
  const worker = new Worker(new URL(import.meta.url.replace("-aside", "-thread")), {
    workerData: bytes,
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MB },
  });
  return new Promise<SavedBody>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    worker.once("online", () => {
      const late = new Error(`it takes longer than ${DEADLINE_MS / 1000} s`);
      timer = setTimeout(() => reject(late), DEADLINE_MS);
    });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => {
      clearTimeout(timer);
      reject(new Error("nothing came of it"));
    });
  }).finally(() => void worker.terminate());
}
