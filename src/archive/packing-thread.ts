/** The thread of packing.ts: each time it is asked, it does what there is to do, and tells how the archive is then. */
import { parentPort } from "node:worker_threads";
import { giveWay } from "../process/thread-priority.ts";
import { createRest } from "./rest.ts";
import { type Work, workOff } from "./work.ts";

// Where it shares a processor with the service, reports go first.
giveWay("lowest");
const rest = createRest();
parentPort?.on("message", (work: Work) => {
  void workOff(work, rest).then((worked) => parentPort?.postMessage(worked));
});
