/** How this process is. */
import type { Acknowledgements } from "../acknowledgement/acknowledgements.ts";
import type { ArchiveFault } from "../archive/fault.ts";
import type { ArchiveStatus } from "../archive/packing.ts";
import type { Aside } from "../flow/aside.ts";
import type { JournalStatus } from "../journal/journal.ts";
import { type HealthFacts, isQueued, type QueueFacts } from "../monitoring/health.ts";
import { NEARLY_FULL } from "../monitoring/reasons.ts";
import type { Refusals } from "../monitoring/refusals.ts";
import type { Silence } from "../monitoring/silence.ts";
import type { StatusFacts } from "../monitoring/status.ts";
import type { Traffic } from "../monitoring/traffic.ts";
import type { Assignment } from "../process/cluster.ts";
import type { ProcessState } from "../process/siblings.ts";
import type { QuarantineRoom } from "../quarantine/room.ts";
import type { QueueWatch } from "../queue/queue-watch.ts";
import type { RedisWatch } from "../queue/redis-watch.ts";
import type { Config } from "../settings/config.ts";
import { ACKNOWLEDGEMENTS_QUEUE } from "../settings/queue-names.ts";
import type { SettingsFiles } from "../settings/settings-files.ts";
import type { Listener } from "../smtp/listener.ts";
import { durationInWords } from "../text/quantities.ts";
import { VERSION } from "../version.ts";

/** The parts that are asked for its state. */
export interface OwnParts {
  readonly config: Config;
  readonly assignment: Assignment;
  readonly files: SettingsFiles;
  readonly refusals: Pick<Refusals, "list">;
  readonly traffic: Traffic;
  readonly quarantine: QuarantineRoom;
  readonly aside: Pick<Aside, "use" | "full">;
  /** Null in all processes but the first, which sees to the archive of all. */
  readonly archive: () => ArchiveStatus | null;
  /** What is wrong with it, as far as this process knows; null for nothing. */
  readonly archiveFault: () => ArchiveFault["kind"] | null;
  readonly journalStatus: () => JournalStatus;
  readonly isFullForAll: (use: JournalStatus) => boolean;
  readonly silence: Silence;
  readonly queueWatch: QueueWatch;
  readonly acknowledgements: Pick<Acknowledgements, "mmscs">;
  readonly watch: RedisWatch;
  /** Where Redis is, without its password. */
  readonly redis: string;
  /** Why events cannot be put on the queue; null when they can. */
  readonly queueFault: () => Error | null;
  /** When Redis was last found to have lost what it held. */
  readonly emptiedAt: () => Date | null;
}

export type OwnState = ReturnType<typeof createOwnState>;

type Connections = Pick<Listener, "connections" | "connectionsByPeer">;

export function createOwnState(parts: OwnParts) {
  const { config, assignment, files, traffic, quarantine, queueWatch, watch } = parts;
  let listener: Connections | undefined;
  let stopping = false;

  /** Why nothing in Redis can be looked at; null when it can. */
  function redisAway(): string | null {
    const { awayMs, fault } = watch.state();
    return awayMs === null ? null : `Redis has been away for ${durationInWords(awayMs)} (${fault})`;
  }

  function healthFacts(): HealthFacts {
    const use = parts.journalStatus();
    const isFullNow = parts.isFullForAll(use);
    return {
      now: new Date(),
      takesReports: assignment.number <= assignment.count,
      stopping,
      full: isFullNow,
      fullOfQueued: isFullNow && isQueued(use),
      needsRedis: config.accept === "queue",
      journal: { ...use, usedUp: isFullNow || config.accept !== "journal" ? [] : use.usedUp },
      archive: { fault: parts.archiveFault() },
      redis: {
        ...watch.state(),
        emptiedAt: parts.emptiedAt(),
        accepted: config.redisChecks === "warn",
        refusal: watch.refusal(),
      },
      drainFault: parts.queueFault(),
      certificateExpiresAt: files.certificate()?.expiresAt ?? null,
      settingsFaults: files.faults(),
      processes: { count: assignment.count, missing: 0, full: 0 },
      quarantine: {
        ...quarantine.use(),
        maxMessages: config.quarantineMaxMessages,
        maxBytes: config.quarantineMaxBytes,
        refused: quarantine.refusals().map(({ peer, since }) => ({ peer, forMs: Date.now() - since })),
        asideFull: parts.aside.full(),
        fillers: quarantine.fillers(NEARLY_FULL),
      },
      queues: queueFacts(),
      mmscs: parts.acknowledgements.mmscs(),
      peers: parts.silence.facts(),
    };
  }

  function queueFacts(): readonly QueueFacts[] {
    return [...queueWatch.queues()].map(([name, use]) => ({
      ...use,
      name,
      holds: name === ACKNOWLEDGEMENTS_QUEUE ? "acknowledgements" : "events",
      main: name === config.queue,
    }));
  }

  /** What was measured before an outage is no news. */
  function queuesNow(): ReturnType<QueueWatch["queues"]> {
    return redisAway() === null ? queueWatch.queues() : new Map();
  }

  function statusFacts(): StatusFacts {
    const queues = queuesNow();
    return {
      version: VERSION,
      runningMs: performance.now(),
      reasons: [],
      reportsLastMinute: traffic.lastMinute(),
      listed: files
        .peers()
        .filter(({ listed }) => listed)
        .map(({ name }) => name),
      peers: traffic.byPeer(),
      connections: listener?.connectionsByPeer() ?? new Map(),
      journal: parts.journalStatus(),
      aside: parts.aside.use().records,
      archive: parts.archive(),
      redis: `${parts.redis}${watch.state().awayMs === null ? "" : ", away"}`,
      events: queues.get(config.queue),
      further: config.queues.map(({ queue }) => ({ name: queue, use: queues.get(queue) })),
      acknowledgements: queues.get(ACKNOWLEDGEMENTS_QUEUE),
      quarantined: quarantine.use().messages,
    };
  }

  function now(): ProcessState {
    return { health: healthFacts(), status: statusFacts(), refusals: parts.refusals.list() };
  }

  return {
    now,
    redisAway,
    queuesNow,
    /** Looks at the queues now, because the last look is up to some seconds old. Rejects when Redis does not answer. */
    lookAtQueues: async (): Promise<void> => (redisAway() === null ? queueWatch.lookAgain() : undefined),
    workersOf: (queue: string) => (redisAway() === null ? queueWatch.workers(queue) : []),
    journalStatus: parts.journalStatus,
    archive: parts.archive,
    /** Connections are counted from here on. */
    listens(started: Connections): void {
      listener = started;
    },
    connections: (): number => listener?.connections() ?? 0,
    connectionsByPeer: (): ReadonlyMap<string, number> => listener?.connectionsByPeer() ?? new Map(),
    /** `/readyz` says so from here on, so that a balancer sends no client any more. */
    stops(): void {
      stopping = true;
    },
    isStopping: (): boolean => stopping,
  };
}
