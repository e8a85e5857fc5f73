/** Joins all that the state of the service is asked of: this process, all of them, and the gauges. */
import type { Acknowledgements } from "../acknowledgement/acknowledgements.ts";
import type { Aside } from "../flow/aside.ts";
import type { Log } from "../monitoring/log.ts";
import type { ReasonTimes } from "../monitoring/reason-times.ts";
import type { Assignment } from "../process/cluster.ts";
import { describeRedis } from "../queue/redis.ts";
import type { RedisWatch } from "../queue/redis-watch.ts";
import type { Config } from "../settings/config.ts";
import type { Foundations } from "./foundations.ts";
import { createOwnState, type OwnParts, type OwnState } from "./own-state.ts";
import type { RedisRooms } from "./redis-rooms.ts";
import { createState, observedOf, type State } from "./state.ts";

export interface StateGiven {
  readonly config: Config;
  readonly assignment: Assignment;
  readonly times: ReasonTimes;
  readonly log: Log;
}

export interface StateSources extends Pick<OwnParts, "queueFault" | "emptiedAt" | "archive" | "archiveFault"> {
  readonly foundations: Foundations;
  readonly rooms: RedisRooms;
  readonly acknowledgements: Acknowledgements;
  readonly watch: RedisWatch;
  readonly aside: Pick<Aside, "use" | "full">;
}

export function openState(
  { config, assignment, times, log }: StateGiven,
  { foundations, rooms, acknowledgements, watch, aside, archive, archiveFault, queueFault, emptiedAt }: StateSources,
): { readonly own: OwnState; readonly state: State } {
  const { quarantine, files, monitors, siblings, journalStatus, isFullForAll, place } = foundations;
  const { metrics, refusals, traffic } = monitors;
  const { silence, queueWatch, trace, refusalsKept } = rooms;
  const own = createOwnState({
    config,
    assignment,
    files,
    refusals,
    traffic,
    quarantine,
    aside,
    archive,
    archiveFault,
    journalStatus,
    isFullForAll,
    silence,
    queueWatch,
    acknowledgements,
    watch,
    redis: describeRedis(place),
    queueFault,
    emptiedAt,
  });
  const state = createState({ own, assignment, siblings, times, log, metrics, trace, refusalsKept });
  metrics.observe(observedOf({ own, state, aside, assignment, siblings, files, quarantine, watch, log, trace }));
  return { own, state };
}
