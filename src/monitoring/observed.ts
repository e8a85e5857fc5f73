/** How the service is at the moment, as far as gauges show it. */

/** What gauges are read from when somebody asks. */
export interface Observed {
  /** Every reason that there can be for all not to be well, and whether it holds. */
  readonly reasons: () => Promise<ReadonlyMap<string, boolean>>;
  readonly healthy: () => Promise<boolean>;
  readonly connections: () => number;
  readonly connectionsByPeer: () => ReadonlyMap<string, number>;
  /** Null without a certificate. */
  readonly certificateExpiresAt: () => Date | null;
  readonly journal: () => { readonly bytes: number; readonly records: number; readonly oldestAt: Date | null };
  /** What waits aside in the journal, because it found no room in quarantine. */
  readonly aside: () => { readonly records: number; readonly bytes: number };
  /** Null in a process that does not see to it. */
  readonly archive: () => { readonly bytes: number; readonly oldestAt: Date | null } | null;
  readonly quarantine: () => { readonly messages: number; readonly bytes: number };
  readonly redis: () => {
    readonly up: boolean;
    /** Null where Redis has no limit, or is away. */
    readonly memoryRatio: number | null;
    /** When it took a write last; null when it never has. */
    readonly writtenAt: Date | null;
  };
  /** By queue, as they were measured last. */
  readonly queues: () => ReadonlyMap<string, QueueUse>;
  readonly traceNotesLost: () => number;
  readonly logLinesLost: () => number;
  readonly processesMissing: () => number;
  /** Version of the catalogue in force. */
  readonly catalogue: () => string;
  /** Its number, where the service has several processes; null where it has one. */
  readonly process: number | null;
}

/** What is on a queue. */
export interface QueueUse {
  /** How long ago it was looked at, in milliseconds. */
  readonly agoMs: number;
  /** By state. */
  readonly jobs: Readonly<Record<string, number>>;
  /** When the job was made that has waited longest; null when none waits. */
  readonly oldestWaitingAt: Date | null;
  /** How many a consumer could take now: those that wait, and those whose time to be tried again has come. */
  readonly waits: number;
  /** Whether somebody has paused it. */
  readonly paused: boolean;
  /** For how long something has waited and nothing was taken, in milliseconds; null while nothing waits. */
  readonly notTakenMs: number | null;
  /** Workers of BullMQ that are connected to it; null when that cannot be told, and then why. */
  readonly workers: number | null;
  readonly workersUnknown: string | null;
  /** When any process or replica last saw one connected, or one ended a job; null when that is not known of the last month. */
  readonly workersSeenAt: Date | null;
  /** Whether a worker of BullMQ renews its hold of one that is in hand. */
  readonly held: boolean;
  /** What consumers gave up on: since when, and the last error; null when there is nothing. */
  readonly failures: { readonly firstAt: Date; readonly error: string } | null;
  /** Of jobs that wait to be tried again: how many were looked at, and how many of them have failed alike; null when none has. */
  readonly retrying: { readonly lookedAt: number; readonly alike: number; readonly error: string } | null;
}

/** Of a service that does nothing: for whoever only wants to know which metrics there are. */
export const NOTHING_OBSERVED: Observed = {
  reasons: async () => new Map(),
  healthy: async () => true,
  connections: () => 0,
  connectionsByPeer: () => new Map(),
  certificateExpiresAt: () => null,
  journal: () => ({ bytes: 0, records: 0, oldestAt: null }),
  aside: () => ({ records: 0, bytes: 0 }),
  archive: () => ({ bytes: 0, oldestAt: null }),
  quarantine: () => ({ messages: 0, bytes: 0 }),
  redis: () => ({ up: true, memoryRatio: null, writtenAt: null }),
  queues: () => new Map(),
  traceNotesLost: () => 0,
  logLinesLost: () => 0,
  processesMissing: () => 0,
  process: null,
  catalogue: () => "",
};
