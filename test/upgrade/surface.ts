/** By which names others use mm4d: what may only go with a new major version. */
import { readFileSync } from "node:fs";
import * as consumer from "../../src/consumer/index.ts";
import { createMetrics } from "../../src/monitoring/metrics.ts";
import { NOTHING_OBSERVED } from "../../src/monitoring/observed.ts";
import { SETTINGS } from "../../src/settings/config.ts";
import { commands } from "../support/commands.ts";

export interface Surface {
  readonly settings: readonly string[];
  /** With their arguments and options, such as `journal status --json`. */
  readonly commands: readonly string[];
  /** With their labels, such as `mm4d_reports_total{peer}`. */
  readonly metrics: readonly string[];
  /** What the package and `mm4d/consumer` export, types aside. */
  readonly exports: readonly string[];
}

export async function surfaceOfNow(): Promise<Surface> {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return {
    settings: Object.values(SETTINGS).map(({ env }) => env),
    commands: (await commands()).flatMap((command) => {
      const parent = command.parent?.name() === "mm4d" ? "" : `${command.parent?.name()} `;
      const name = `${parent}${command.name()}`;
      const values = command.registeredArguments.map((argument) => `${name} <${argument.name()}>`);
      return [name, ...values, ...command.options.map(({ long }) => `${name} ${long}`)];
    }),
    metrics: await metrics(),
    exports: [...Object.keys(manifest.exports), ...Object.keys(consumer).map((name) => `./consumer ${name}`)],
  };
}

async function metrics(): Promise<readonly string[]> {
  const { registry } = createMetrics(NOTHING_OBSERVED);
  const names = (await registry.getMetricsAsJSON()).map(({ name }) => name);
  return names
    .filter((name) => !/^mm4d_(process|nodejs)_/.test(name))
    .flatMap((name) => {
      const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: readonly string[] };
      return [name, ...labelNames.map((label) => `${name}{${label}}`)];
    });
}
