/**
 * The whole service: starts every room in order, joins them, and releases them in
 * reverse. The only room that knows all of them.
 */
import { setTimeout as wait } from "node:timers/promises";
import { PACKING_THREAD } from "../archive/packing.ts";
import { readingAgain } from "../flow/read-again.ts";
import { createReadRecords } from "../flow/ready.ts";
import { createLog, type Log } from "../monitoring/log.ts";
import { REASON_TIMES, type ReasonTimes } from "../monitoring/reason-times.ts";
import type { Assignment } from "../process/cluster.ts";
import { type Releaser, releaseAll } from "../process/releasers.ts";
import { describeRedis, type RedisPlace } from "../queue/redis.ts";
import type { Config } from "../settings/config.ts";
import { createAccess } from "../smtp/access.ts";
import { VERSION } from "../version.ts";
import { THREAD } from "../views/start-views.ts";
import { answersOf } from "./answers.ts";
import { beginAcknowledgements } from "./begin-acknowledgements.ts";
import { createDesks } from "./desks.ts";
import { type Foundations, layFoundations } from "./foundations.ts";
import { hearReplays } from "./hear-replays.ts";
import { openState } from "./open-state.ts";
import type { OwnState } from "./own-state.ts";
import { observerOfMessages } from "./recorders.ts";
import { openRedisRooms } from "./redis-rooms.ts";
import { startSecondHalf } from "./second-half.ts";
import { shownNumber } from "./shown-number.ts";
import { lookAtArchive, startPacking } from "./start-archive.ts";
import { listenForHttp } from "./start-listeners.ts";
import { startNotes } from "./start-notes.ts";
import { beginRedisWatch } from "./start-redis.ts";
import { takeReports } from "./take-reports.ts";
import { createEmptied, createUpkeep, lookAtQuarantine } from "./upkeep.ts";

export interface Service {
  readonly smtp: { readonly host: string; readonly port: number };
  /** Where TLS begins before SMTP does; null for nowhere. */
  readonly smtps: { readonly host: string; readonly port: number } | null;
  readonly admin: { readonly host: string; readonly port: number };
  readonly redis: RedisPlace;
  /** The file with the URL of the Redis when it is one of our own; null when it is not. */
  readonly redisUrlFile: string | null;
  /** Whether this machine may connect to itself. */
  readonly takesLoopback: boolean;
  /** What a user should know about the settings in force. */
  readonly notes: readonly string[];
  /** Reads the files that settings name again. What is in force stays where one has a fault. */
  reload(): void;
  /** Resolves when nothing is left in the journal: on the queue, and settled there. */
  emptied(): Promise<void>;
  /** Finishes what is open, each step with a deadline. False when a step failed; the log says which and why. */
  stop(): Promise<boolean>;
}

const LOOKED_AT_EVERY_MS = 1_000;

const ALONE: Assignment = { number: 1, siblings: [], count: 1, redisUrl: null };

/** What the settings do not say: how they were found, and what is otherwise within another program, a test say. */
export interface Surroundings {
  /** From when on something is a reason not to be well. */
  readonly times?: ReasonTimes;
  /** What a user should know of how the settings were found. */
  readonly settingsNotes?: readonly string[];
  /** Where the lines of the log go instead of stdout. */
  readonly logTo?: { write(line: string): void };
  /** The program of the thread of the views, where it does not stand beside theirs. */
  readonly viewsThread?: URL;
  /** The same of the archive's. */
  readonly packingThread?: URL;
}

/**
 * Starts the service, or one process of several. Rejects with a sentence for the
 * person on call, and with nothing left running.
 */
export async function startService(
  config: Config,
  assignment: Assignment = ALONE,
  {
    times = REASON_TIMES,
    settingsNotes = [],
    logTo,
    viewsThread = THREAD,
    packingThread = PACKING_THREAD,
  }: Surroundings = {},
): Promise<Service> {
  const releasers: Releaser[] = [];
  const log = createLog({
    level: config.logLevel,
    numbers: config.logNumbers,
    process: shownNumber(assignment),
    ...(logTo === undefined ? {} : { to: logTo }),
  });
  try {
    return await start(config, assignment, { times, settingsNotes, viewsThread, packingThread }, log, releasers);
  } catch (cause) {
    log.serviceFailed(cause as Error);
    await releaseAll(releasers, log.serviceFailed);
    throw cause;
  }
}

async function start(
  config: Config,
  assignment: Assignment,
  { times, settingsNotes, viewsThread, packingThread }: Required<Omit<Surroundings, "logTo">>,
  log: Log,
  releasers: Releaser[],
): Promise<Service> {
  const isFirst = assignment.number === 1;
  const foundations = await layFoundations(
    { config, assignment, others: isFirst ? assignment : ALONE, log },
    releasers,
  );
  const { quarantine, files, monitors, control, started, place } = foundations;
  const { journalStatus, isFullForAll } = foundations;
  const { metrics, outages, refusals, traffic } = monitors;
  const recovered = journalStatus().records;

  const rooms = openRedisRooms({ config, place, traffic, refusals, times, log }, releasers);
  const { queuePlace, silence, queueWatch, publisher, trace } = rooms;
  silence.usePeers(files.peers());
  files.newPeers.follow(silence.usePeers);

  const traceReading = readingAgain(files.reading, files.peers);
  const recorders = { log, metrics, trace, traceReading };
  const acknowledgements = beginAcknowledgements(
    { config, place, files, rooms, recorders, bounces: started?.bounces ?? new Map() },
    releasers,
  );

  const emptied = createEmptied(log);
  // Here alone something is named before it is made. No order is without that, because what is done
  // each second tells how the service is, which is also how the watch sees Redis.
  const watch = beginRedisWatch(
    { config, place, queuePlace, outages, log, emptied, hasJournal: !!started, onTick: (redis) => upkeep(redis) },
    releasers,
  );
  const journalShares = { use: journalStatus, isFullForAll, onUsedUp: log.journalShareFull };
  const observer = observerOfMessages({ ...recorders, quarantine, acknowledgements, journalShares, traffic });
  const journal = started?.journal;
  const read = createReadRecords({ reading: files.reading, acknowledging: acknowledgements });
  const secondHalf = startSecondHalf(
    {
      config,
      journal,
      keeper: started?.keeper ?? null,
      read,
      quarantine,
      watch,
      acknowledgements,
      publisher,
      observer,
      outages,
      metrics,
      log,
      onEmptied: emptied.found,
    },
    releasers,
  );
  const packing = isFirst ? startPacking(config, packingThread, { log, metrics }, releasers) : null;
  const { own, state } = openState(
    { config, assignment, times, log },
    {
      foundations,
      rooms,
      acknowledgements,
      watch,
      archive: packing?.status ?? (() => null),
      archiveFault: () => packing?.status().fault?.kind ?? started?.keeper?.fault() ?? null,
      aside: secondHalf.aside,
      queueFault: secondHalf.trouble,
      emptiedAt: emptied.at,
    },
  );
  const upkeep = createUpkeep({
    log,
    lookAtFiles: () => monitors.openFiles.look(),
    lookAtArchive: lookAtArchive(started?.keeper, packing),
    journalWatch: secondHalf.journalWatch,
    flushTrace: trace.flush,
    looks: [
      lookAtQuarantine(queuePlace, quarantine),
      queueWatch.look,
      silence.look,
      rooms.refusalsKept.look,
      // Of several processes the first tells.
      ...(isFirst ? [hearReplays(rooms.replays, log)] : []),
    ],
    async tellReasons() {
      // Of several processes the first tells of all.
      if (isFirst && !own.isStopping()) monitors.reasonsTold.tell(await state.reasons());
    },
    journalStatus,
    isFullForAll,
    journalFull: outages.journalFull,
  });

  const { redisAway } = own;
  const { publishReplayed } = secondHalf;
  const desks = createDesks({ config, place: queuePlace, files, redisAway, publishReplayed }, releasers);
  const admin = isFirst
    ? await listenForHttp(
        { config, place, viewsThread, rooms, files, state, desks, traceReading, log, metrics },
        releasers,
      )
    : null;

  // A process beyond the count only empties the journal that is left of it.
  const listener =
    assignment.number <= assignment.count
      ? await takeReports({ config, foundations, acknowledgements, secondHalf, read, observer }, releasers)
      : null;
  if (listener) own.listens(listener);

  // Of several processes, where the service answers: not each of them does.
  const addresses = {
    smtp: listener?.address ?? { host: config.smtpHost, port: config.smtpPort },
    smtps: listener?.smtpsAddress ?? null,
    admin: admin?.address ?? { host: config.adminHost, port: config.adminPort },
  };
  const { refusalsKept } = rooms;
  control.answer(answersOf({ config, assignment, redis: place, addresses, refusalsKept, own, state, metrics }));
  log.serviceStarted({ version: VERSION, ...addresses, redis: describeRedis(place), queue: config.queue, recovered });
  const notes = isFirst ? [...settingsNotes, ...startNotes(config, files, foundations.doubtOfDirectory)] : [];
  for (const note of notes) log.serviceNote(note);

  return serviceOf({ ...addresses, notes }, { config, foundations, own, log, releasers });
}

interface ServiceParts {
  readonly config: Config;
  readonly foundations: Foundations;
  readonly own: OwnState;
  readonly log: Log;
  readonly releasers: Releaser[];
}

/** What whoever started the service may ask of it. */
function serviceOf(
  told: Pick<Service, "smtp" | "smtps" | "admin" | "notes">,
  { config, foundations: { place, urlFile, files, journalStatus }, own, log, releasers }: ServiceParts,
): Service {
  return {
    ...told,
    redis: place,
    redisUrlFile: urlFile,
    takesLoopback: createAccess(files.peers())("127.0.0.1") !== undefined,
    reload: files.reload,
    async emptied() {
      while (journalStatus().bytes > 0) await wait(LOOKED_AT_EVERY_MS);
    },
    async stop() {
      own.stops();
      log.serviceStopping({ connections: own.connections(), waiting: journalStatus().records });
      await wait(config.shutdownDelayMs);
      const clean = await releaseAll(releasers, log.serviceFailed);
      log.serviceStopped({ waiting: journalStatus().records, clean });
      return clean;
    },
  };
}
