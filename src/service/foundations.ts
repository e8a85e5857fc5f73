/** Starts what everything else stands on: settings, monitors, the data directory, the journal, Redis. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isFull } from "../monitoring/health.ts";
import type { Log } from "../monitoring/log.ts";
import type { Assignment } from "../process/cluster.ts";
import { takeControl } from "../process/control.ts";
import { makeDataDir } from "../process/data-directory.ts";
import { journalDirectory, journalShare, processDirectory } from "../process/directories.ts";
import type { Releaser } from "../process/releasers.ts";
import { createSiblings } from "../process/siblings.ts";
import { createQuarantineRoom } from "../quarantine/room.ts";
import type { Config } from "../settings/config.ts";
import { startMonitors } from "./monitors.ts";
import { openSettings } from "./settings-in-force.ts";
import { shownNumber } from "./shown-number.ts";
import { keeperFor } from "./start-archive.ts";
import { startJournal, statusOf } from "./start-journal.ts";
import { findRedis } from "./start-redis.ts";

export interface FoundationsOptions {
  readonly config: Config;
  readonly assignment: Assignment;
  /** The processes that this one asks: the first one asks the others. */
  readonly others: Assignment;
  readonly log: Log;
}

export type Foundations = Awaited<ReturnType<typeof layFoundations>>;

export async function layFoundations({ config, assignment, others, log }: FoundationsOptions, releasers: Releaser[]) {
  const maxBytes = journalShare(config.journalMaxBytes, assignment.count);
  const quarantine = createQuarantineRoom(config.quarantineMaxMessages, config.quarantineMaxBytes, assignment.count);
  const files = openSettings(config, log, releasers);
  const monitors = startMonitors(log, shownNumber(assignment), releasers);
  const { metrics, outages } = monitors;
  const siblings = createSiblings(config.dataDir, others);

  const dataDir = processDirectory(config.dataDir, assignment.number);
  const doubtOfDirectory = makeDataDir(dataDir);
  const control = await takeControl(dataDir);
  releasers.push(() => control.release());

  const directory = journalDirectory(dataDir);
  // A journal that an earlier run left is drained in the other mode too.
  const started =
    config.accept === "journal" || existsSync(directory)
      ? await startJournal(
          {
            directory,
            maxBytes,
            keeper: keeperFor(config, assignment.number, directory, { log, metrics }),
            hold: control.hold,
            log,
            metrics,
            disk: outages.disk,
            quarantine,
          },
          releasers,
        )
      : undefined;
  const journalStatus = () => statusOf(started?.journal, maxBytes);
  /** Whether no peer's reports are taken. A journal of an earlier run, in queue mode, takes none anyway. */
  function isFullForAll(use = journalStatus()): boolean {
    if (config.accept !== "journal") return false;
    return isFull(
      use,
      files.peers().map(({ name }) => name),
    );
  }

  const { place, urlFile } = await findRedis(
    {
      config,
      assignment,
      directory: join(dataDir, "redis"),
      siblings,
      log,
      onSettled: (redis) => started?.settledIn(redis),
    },
    releasers,
  );
  return {
    quarantine,
    files,
    monitors,
    siblings,
    doubtOfDirectory,
    control,
    started,
    journalStatus,
    isFullForAll,
    place,
    urlFile,
  };
}
