/** How the service is, with all its processes. */
import type { Aside } from "../flow/aside.ts";
import { type HealthFacts, healthOfAll } from "../monitoring/health.ts";
import type { Log } from "../monitoring/log.ts";
import type { Metrics } from "../monitoring/metrics.ts";
import type { MetricsOfProcess } from "../monitoring/metrics-text.ts";
import type { Observed } from "../monitoring/observed.ts";
import type { ReasonTimes } from "../monitoring/reason-times.ts";
import { REASONS, type Reason, reasonsOf, stateOf } from "../monitoring/reasons.ts";
import { byLastAt, type Refusal, type RefusalsTold } from "../monitoring/refusals.ts";
import { describeStatus, type Status, type StatusFacts, statusOfAll } from "../monitoring/status.ts";
import type { Assignment } from "../process/cluster.ts";
import type { TraceState } from "../process/control.ts";
import { within } from "../process/releasers.ts";
import type { ProcessState, Siblings } from "../process/siblings.ts";
import type { QuarantineRoom } from "../quarantine/room.ts";
import type { RedisWatch } from "../queue/redis-watch.ts";
import type { RefusalsKept } from "../queue/refusals-kept.ts";
import type { LogLevel } from "../settings/config.ts";
import type { SettingsFiles } from "../settings/settings-files.ts";
import type { TraceWriter } from "../trace/writer.ts";
import type { OwnState } from "./own-state.ts";
import { tellRefusals } from "./refusals-told.ts";
import { shownNumber } from "./shown-number.ts";

export interface StateParts {
  readonly own: OwnState;
  readonly assignment: Assignment;
  readonly siblings: Siblings;
  readonly times: ReasonTimes;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly trace: TraceWriter;
  readonly refusalsKept: RefusalsKept;
}

/** A request for a trace waits so long for the newest notes. */
const TRACE_FLUSH_MS = 1_000;

export type State = ReturnType<typeof createState>;

export function createState(parts: StateParts) {
  const { own, assignment, siblings, times, log, metrics, trace, refusalsKept } = parts;
  const startedAt = new Date().toISOString();

  /** The state of every process of the service, this one first. */
  async function all(): Promise<readonly ProcessState[]> {
    const others = await siblings.states();
    return [own.now(), ...others];
  }

  function healthOf(states: readonly ProcessState[]): HealthFacts {
    const health = healthOfAll(states.map((one) => one.health));
    // Only the first process knows when each peer was heard.
    if (assignment.number !== 1) return { ...health, peers: [] };
    return { ...health, processes: { ...health.processes, missing: siblings.missing() } };
  }

  async function reasons(): Promise<readonly Reason[]> {
    return reasonsOf(healthOf(await all()), times);
  }

  async function facts(): Promise<StatusFacts> {
    const states = await all();
    return { ...statusOfAll(states.map((one) => one.status)), reasons: reasonsOf(healthOf(states), times) };
  }

  /** The latest last. */
  async function refusals(): Promise<readonly Refusal[]> {
    const known = (await all()).flatMap((one) => one.refusals);
    return known.sort(byLastAt);
  }

  return {
    reasons,
    refusals,
    redisAway: own.redisAway,
    queues: own.queuesNow,
    workersOf: own.workersOf,

    health: async (): Promise<HealthFacts> => healthOf(await all()),

    facts,

    status: async (): Promise<Status> => describeStatus(await facts(), new Date()),

    refusalsTold: (): Promise<RefusalsTold> =>
      tellRefusals({ kept: refusalsKept, siblings, known: refusals, redisAway: own.redisAway, startedAt }),

    async metrics(): Promise<readonly MetricsOfProcess[]> {
      // Asked first: this process tells how many of the others answered.
      const others = await siblings.metrics();
      return [await metrics.registry.getMetricsAsJSON(), ...others];
    },

    /** Has every process write its trace, so that a report is found once its relay was answered. */
    async flushTrace(): Promise<TraceState> {
      const others = siblings.flushTrace();
      const away = own.redisAway();
      const flushed = away === null && (await within(TRACE_FLUSH_MS, trace.flush()));
      const states = [{ flushed, redisAway: away, startedAt, lost: trace.lost() }, ...(await others)];
      return {
        flushed: states.every((one) => one.flushed) && siblings.missing() === 0,
        redisAway: states.find((one) => one.redisAway !== null)?.redisAway ?? null,
        startedAt,
        lost: states.reduce((sum, one) => sum + one.lost, 0),
      };
    },

    async setLogLevel(level: LogLevel): Promise<string> {
      await siblings.setLogLevel(level);
      return log.setLevel(level);
    },
  };
}

export interface ObservedParts {
  readonly own: OwnState;
  readonly state: State;
  readonly aside: Pick<Aside, "use">;
  readonly assignment: Assignment;
  readonly siblings: Siblings;
  readonly files: SettingsFiles;
  readonly quarantine: QuarantineRoom;
  readonly watch: RedisWatch;
  readonly log: Log;
  readonly trace: TraceWriter;
}

/** What the gauges of this process read. */
export function observedOf(parts: ObservedParts): Observed {
  const { own, state, files, watch } = parts;
  return {
    healthy: async () => stateOf(await state.reasons()) !== "not-well",
    async reasons() {
      const held = new Set((await state.reasons()).map(({ name }) => name));
      return new Map(REASONS.map(({ name }) => [name, held.has(name)]));
    },
    connections: () => own.connections(),
    connectionsByPeer: () => own.connectionsByPeer(),
    certificateExpiresAt: () => files.certificate()?.expiresAt ?? null,
    journal: own.journalStatus,
    aside: parts.aside.use,
    archive: own.archive,
    quarantine: () => parts.quarantine.use(),
    redis: () => {
      const { awayMs, memoryRatio, writtenAt } = watch.state();
      return { up: awayMs === null, memoryRatio, writtenAt };
    },
    queues: own.queuesNow,
    traceNotesLost: () => parts.trace.lost(),
    logLinesLost: () => parts.log.linesLost(),
    processesMissing: () => parts.siblings.missing(),
    catalogue: () => files.reading().catalogue.version,
    process: shownNumber(parts.assignment),
  };
}
