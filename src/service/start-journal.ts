/** Opens the journal, and joins it with those who want to know of it. */
import type { Keeper } from "../archive/keeper.ts";
import { promiseRoom, type Room } from "../flow/room.ts";
import type { JournalFault } from "../journal/fault.ts";
import { type Journal, type JournalStatus, openJournal } from "../journal/journal.ts";
import type { Log } from "../monitoring/log.ts";
import type { Metrics } from "../monitoring/metrics.ts";
import type { Outages } from "../monitoring/outages.ts";
import { type Releaser, within } from "../process/releasers.ts";
import type { KeptMessage, QuarantineRoom } from "../quarantine/room.ts";

export interface StartJournalOptions {
  readonly directory: string;
  readonly maxBytes: number;
  /** Who takes what has settled; null where it is removed. */
  readonly keeper: Keeper | null;
  readonly hold: () => Promise<void>;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly disk: Outages["disk"];
  /** Where messages that an earlier process left in the journal take their place again. */
  readonly quarantine: QuarantineRoom;
}

export interface StartedJournal {
  readonly journal: Journal;
  readonly keeper: Keeper | null;
  /** Bounces that an earlier process left in the journal, by the ids of their records: they take their peers' room. */
  readonly bounces: ReadonlyMap<string, KeptMessage>;
  /** The Redis into which it was drained has ended with everything on its disk. */
  settledIn(redis: string): void;
}

const JOURNAL_CLOSE_MS = 10_000;

const NO_JOURNAL: JournalStatus = {
  bytes: 0,
  maxBytes: 0,
  records: 0,
  waitingBytes: 0,
  usedUp: [],
  most: null,
  oldestAt: null,
  fault: null,
};

/** How a journal is; of a service without one, an empty one of that size. */
export function statusOf(journal: Journal | undefined, maxBytes: number): JournalStatus {
  return journal?.status() ?? { ...NO_JOURNAL, maxBytes };
}

export async function startJournal(options: StartJournalOptions, releasers: Releaser[]): Promise<StartedJournal> {
  const { directory, maxBytes, keeper, hold, log, metrics, disk, quarantine } = options;
  const bounces = new Map<string, KeptMessage>();
  let settledIn: string | null = null;

  function tellFault(fault: JournalFault): void {
    if (fault.kind === "append-recovered") {
      disk.end();
      return;
    }
    const { kind, ...fields } = fault;
    metrics.journalFaults.inc({ kind });
    if (fault.kind === "append-failed") disk.begin(fault.cause);
    else log.journalFault(kind, "cause" in fields ? { reason: fields.cause.message } : fields);
  }

  const journal = await openJournal({
    directory,
    maxBytes,
    hold,
    ...(keeper === null ? {} : { keeping: keeper }),
    onFault: tellFault,
    onRecovered: (record) => void promiseRoom(record, { quarantine, bounces: keptIn(bounces) }),
    onSynced: (tookMs) => metrics.journalSyncSeconds.observe({}, tookMs / 1000),
  });
  releasers.push(async () => {
    // A disk that never answers does not keep the process from ending.
    if (!(await within(JOURNAL_CLOSE_MS, journal.close()))) throw new Error("The journal could not be closed");
    if (settledIn !== null) await journal.settleAll(settledIn);
  });
  return {
    journal,
    keeper,
    bounces,
    settledIn(redis) {
      settledIn = redis;
    },
  };
}

/** The room for bounces is opened later, and is then told of those that wait. */
function keptIn(bounces: Map<string, KeptMessage>): Room {
  return {
    has: () => true,
    promised: (id, bounce) => void bounces.set(id, bounce),
    broken: (id) => void bounces.delete(id),
  };
}
