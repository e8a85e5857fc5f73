/** The thread of packing.ts: does what there is to do, tells how the archive is then, and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { giveWay } from "../process/thread-priority.ts";
import { createRest } from "./rest.ts";
import { type Work, workOff } from "./work.ts";

// Where it shares a processor with the service, reports go first.
giveWay("lowest");
parentPort?.postMessage(await workOff(workerData as Work, createRest()));
