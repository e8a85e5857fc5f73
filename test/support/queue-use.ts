/** A queue as it is looked at, to be changed where a test means something. */
import type { QueueUse } from "../../src/monitoring/observed.ts";

/** Nothing is on it, and no worker is connected. */
export const IDLE_QUEUE: QueueUse = {
  agoMs: 0,
  jobs: { waiting: 0, active: 0, delayed: 0, failed: 0, completed: 0 },
  oldestWaitingAt: null,
  waits: 0,
  paused: false,
  notTakenMs: null,
  workers: 0,
  workersUnknown: null,
  workersSeenAt: null,
  held: false,
  failures: null,
  retrying: null,
};
