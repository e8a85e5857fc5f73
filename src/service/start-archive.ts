/** Joins the archive with the settings, and with those who want to know of it. */
import type { ArchiveFault, OnArchiveFault } from "../archive/fault.ts";
import { createKeeper, type Keeper, removeAllFates } from "../archive/keeper.ts";
import { createPacking, type Packing } from "../archive/packing.ts";
import { archiveDirectory } from "../archive/places.ts";
import type { Fate } from "../delivery/fate.ts";
import type { Done } from "../flow/publishing.ts";
import type { Log } from "../monitoring/log.ts";
import type { Metrics } from "../monitoring/metrics.ts";
import { journalDirectory, MOST_PROCESSES, processDirectory } from "../process/directories.ts";
import type { Releaser } from "../process/releasers.ts";
import { archiveHoursOf, type Config } from "../settings/config.ts";

interface ToldOf {
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Null where reports are not archived. What an earlier run has left in a journal is, also where no report comes to it any more. */
export function keeperFor(config: Config, process: number, journal: string, told: ToldOf): Keeper | null {
  if (archiveHoursOf(config) === 0) {
    removeAllFates(journal);
    return null;
  }
  return createKeeper({
    archive: archiveDirectory(config.dataDir),
    journal,
    process,
    maxBytes: config.archiveMaxBytes,
    onFault: tellFault(told),
  });
}

/** Has the archive of all processes packed and bounded. What an earlier run has left is so too where nothing is added to it. */
export function startPacking(config: Config, thread: URL, told: ToldOf, releasers: Releaser[]): Packing {
  const numbers = Array.from({ length: MOST_PROCESSES }, (_, index) => index + 1);
  const packing = createPacking({
    thread,
    archive: archiveDirectory(config.dataDir),
    hours: archiveHoursOf(config),
    maxBytes: config.archiveMaxBytes,
    journals: () =>
      Object.fromEntries(numbers.map((number) => [number, journalDirectory(processDirectory(config.dataDir, number))])),
    onFault: tellFault(told),
  });
  releasers.push(packing.close);
  return packing;
}

/** What is done for it about once a second, and by whom: of several processes the first packs. Never rejects. */
export function lookAtArchive(keeper: Keeper | null | undefined, packing: Packing | null): () => Promise<void> {
  return async () => {
    keeper?.look();
    await packing?.look();
  };
}

/** Tells the archive what became of a batch. */
export function tellKeeper(keeper: Keeper, done: readonly Done<unknown>[], fates: readonly Fate[]): void {
  keeper.became(
    fates.map((fate, index) => {
      const { start, job = null } = done[index] ?? {};
      return {
        fate,
        start,
        acknowledged: job !== null && "acknowledgement" in job && job.acknowledgement !== undefined,
      };
    }),
  );
}

function tellFault({ log, metrics }: ToldOf): OnArchiveFault {
  return (fault) => {
    metrics.archiveFaults.inc({ kind: fault.kind });
    log.archiveFault(fault.kind, fieldsOf(fault));
  };
}

function fieldsOf({ kind: _, ...fields }: ArchiveFault): Record<string, unknown> {
  const { cause, ...rest } = fields as { cause?: Error };
  return cause === undefined ? rest : { ...rest, reason: cause.message };
}
