/** The thread of saved-body-aside.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { readSavedBody } from "./saved-body.ts";

parentPort?.postMessage(await readSavedBody(workerData as Uint8Array));
