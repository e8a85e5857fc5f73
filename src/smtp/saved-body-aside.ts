/**
 * Reads the body of a kept message in a thread of its own: a hostile one can hold
 * mailparser for seconds, and in the service's thread everybody would wait.
 */
import { Worker } from "node:worker_threads";
import type { SavedBody } from "./saved-body.ts";

const DEADLINE_MS = 5_000;
const MAX_MEMORY_MB = 256;

/** Rejects when mailparser gives up on the message, or takes longer than 5 s. */
export function readSavedBodyAside(bytes: Uint8Array): Promise<SavedBody> {
  const worker = new Worker(new URL(import.meta.url.replace("-aside", "-thread")), {
    workerData: bytes,
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MB },
  });
  return new Promise<SavedBody>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it takes longer than ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => {
      clearTimeout(timer);
      reject(new Error("nothing came of it"));
    });
  }).finally(() => void worker.terminate());
}
