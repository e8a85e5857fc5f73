/** The metrics of all processes of a service, as Prometheus reads them. */
import { Registry } from "prom-client";

/** The metrics of one process. */
export type MetricsOfProcess = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/** Those of all processes of a service in Prometheus's text form. */
export function metricsText(processes: readonly MetricsOfProcess[]): Promise<string> {
  const together = new Registry();
  const byName = new Map<string, MetricsOfProcess[number] & { values: unknown[] }>();
  for (const metric of processes.flat() as (MetricsOfProcess[number] & { values: unknown[] })[]) {
    const known = byName.get(metric.name);
    if (known) known.values.push(...metric.values);
    else byName.set(metric.name, metric);
  }
  for (const metric of byName.values()) together.registerMetric({ ...metric, get: async () => metric } as never);
  return together.metrics();
}
