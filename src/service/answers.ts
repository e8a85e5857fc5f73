/** What the service answers over its control socket: to the command line, and to the first of its processes. */
import type { Metrics } from "../monitoring/metrics.ts";
import type { Assignment } from "../process/cluster.ts";
import type { Control, ServiceFacts } from "../process/control.ts";
import { within } from "../process/releasers.ts";
import { pack } from "../process/siblings.ts";
import type { RedisPlace } from "../queue/redis.ts";
import type { RefusalsKept } from "../queue/refusals-kept.ts";
import { type Config, LOG_LEVELS } from "../settings/config.ts";
import { toldSettings } from "../settings/told-settings.ts";
import type { OwnState } from "./own-state.ts";
import type { State } from "./state.ts";

export interface AnswersOptions {
  readonly config: Config;
  readonly assignment: Assignment;
  readonly redis: RedisPlace;
  /** Where it listens. */
  readonly addresses: Pick<ServiceFacts, "smtp" | "smtps" | "admin">;
  readonly refusalsKept: Pick<RefusalsKept, "look">;
  readonly own: OwnState;
  readonly state: State;
  readonly metrics: Metrics;
}

/** Whoever asks waits a little longer. */
const KEEP_DEADLINE_MS = 1_000;
/** The same: Redis may hang, and the status says then how old its figures are. */
const LOOK_DEADLINE_MS = 1_000;

export function answersOf(options: AnswersOptions): Parameters<Control["answer"]>[0] {
  const { config, assignment, redis, addresses, refusalsKept, own, state, metrics } = options;
  const { queue, queues, queuePrefix, domain } = config;
  const facts: ServiceFacts = {
    // A signal for the service goes to the process above several.
    pid: assignment.siblings.length === 0 ? process.pid : process.ppid,
    redis,
    queue,
    queues,
    queuePrefix,
    domain,
    ...addresses,
    settings: toldSettings(config),
  };
  return {
    facts: () => facts,
    refusals: state.refusals,
    "refusals-told": state.refusalsTold,
    async status() {
      await within(LOOK_DEADLINE_MS, own.lookAtQueues());
      return state.status();
    },
    "flush-trace": state.flushTrace,
    ...Object.fromEntries(LOG_LEVELS.map((level) => [`log-level ${level}`, () => state.setLogLevel(level)])),
    // What the first process asks the others.
    state: () => pack(own.now()),
    "keep-refusals": () => within(KEEP_DEADLINE_MS, refusalsKept.look()),
    metrics: async () => pack(await metrics.registry.getMetricsAsJSON()),
  };
}
