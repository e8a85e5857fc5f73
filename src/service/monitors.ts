/** Starts what the service watches itself with. */
import type { Log } from "../monitoring/log.ts";
import { createMetrics, type Metrics } from "../monitoring/metrics.ts";
import { NOTHING_OBSERVED } from "../monitoring/observed.ts";
import { oncePer } from "../monitoring/once-per.ts";
import { createOutages, type Outages } from "../monitoring/outages.ts";
import { createReasonsTold, type ReasonsTold } from "../monitoring/reasons-told.ts";
import { createRefusals, type Refusals } from "../monitoring/refusals.ts";
import { createTraffic, type Traffic } from "../monitoring/traffic.ts";
import type { Releaser } from "../process/releasers.ts";
import { watchOpenFiles } from "../process/system-limits.ts";
import { createPace } from "../smtp/limits.ts";

export interface Monitors {
  readonly metrics: Metrics;
  readonly outages: Outages;
  readonly reasonsTold: ReasonsTold;
  readonly refusals: Refusals;
  readonly traffic: Traffic;
  readonly openFiles: ReturnType<typeof watchOpenFiles>;
}

const MINUTE_MS = 60_000;
const REFUSALS_TOLD_PER_SECOND = 10;

/** `process`: the number by which this process is told from others; null for one alone. */
export function startMonitors(log: Log, process: number | null, releasers: Releaser[]): Monitors {
  const oncePerMinute = oncePer(MINUTE_MS, 1);
  const openFiles = watchOpenFiles((limit) => {
    if (oncePerMinute("")) log.filesUsedUp({ limit });
  });
  releasers.push(async () => openFiles.stop());
  const outages = createOutages(log);
  releasers.push(async () => outages.stop());
  const reasonsTold = createReasonsTold({
    onBegin: (reason) => log.reasonBegun(reason),
    onEnd: (name, outage) => log.reasonOver({ reason: name, ...outage }),
  });
  releasers.push(async () => reasonsTold.stop());
  const metrics = createMetrics({ ...NOTHING_OBSERVED, process });
  const pace = createPace();
  const refusals = createRefusals({
    count: (reason) => metrics.refused.inc({ reason }),
    logRefused: (refusal) => log.sessionRefused({ ...refusal }),
    logFailed: (cause, client) => log.sessionFailed(cause, client),
    mayTellMore: () => pace("", REFUSALS_TOLD_PER_SECOND),
  });
  return { metrics, outages, reasonsTold, refusals, traffic: createTraffic(), openFiles };
}
