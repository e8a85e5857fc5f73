/** The thread of packing.ts: does what there is to do, tells how the archive is then, and ends. */
import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { createRest } from "./rest.ts";
import { type Work, workOff } from "./work.ts";

try {
  // Of this thread only: where it shares a processor with the service, reports go first.
  setPriority(constants.priority.PRIORITY_LOW);
} catch {
  // The system does not let us: then it is as important as anybody.
}
parentPort?.postMessage(await workOff(workerData as Work, createRest()));
