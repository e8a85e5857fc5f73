import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { quickFiles } from "./test/support/quick.ts";

/** They fill every core by themselves, or measure what the machine can do. */
const ALONE = ["test/faults/faults.test.ts", "test/attacks/**/*.test.ts", "test/system/load.test.ts"];
/** `npm run quick` runs these only. Otherwise they are among the others: each project reads the source anew. */
const QUICK = quickFiles().filter((file) => !/^test\/(?:faults|attacks)\//.test(file));
const IS_QUICK = process.env.MM4D_TESTS === "quick";
/** `npm run faults`: vitest keeps `--maxConcurrency` from the projects below. */
const ONE_BY_ONE = process.env.FAULTS_TABLE !== undefined;

/** Half of the time of most files is spent waiting: for a timer of the product, for Redis, for a process. */
const WORKERS = availableParallelism() + 2;

/**
 * They take longest. One that began last would be waited for by all other workers. Those that wait stand between those
 * that compute, because several that compute at the same time only take longer.
 */
const LONGEST = [
  "test/faults/grace-period.test.ts",
  "test/upgrade/upgrade.test.ts",
  "test/system/live-lists.test.ts",
  "test/system/reasons.test.ts",
  "test/system/page.test.ts",
  "test/system/acknowledgements.test.ts",
  "test/system/processes.test.ts",
  "test/system/quarantine.test.ts",
  "test/system/start.test.ts",
  "test/system/archive-bounds.test.ts",
  "test/system/read-behind-reply.test.ts",
  "test/system/replay.test.ts",
  "test/system/reports-page.test.ts",
  "test/system/queue-mode.test.ts",
  "test/system/find-service.test.ts",
  "test/system/rows.test.ts",
  "test/system/others-redis.test.ts",
  "test/system/frame.test.ts",
  "test/ops/systemd.test.ts",
  "test/system/package.test.ts",
  "test/system/screens.test.ts",
  "test/system/watchdog.test.ts",
  "test/system/page-attacks.test.ts",
  "test/system/metrics.test.ts",
  "test/system/replicas.test.ts",
  "test/consumer/consume.test.ts",
  "test/system/edge.test.ts",
  "test/queue/failover.test.ts",
];

/** The longest first: vitest knows how long each took only where it has run before. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}`));
      return place === -1 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((one, other) => placeOf(one) - placeOf(other));
  }
}

const SHARED = {
  // What they import is read once a worker, not once a file: nothing of ours keeps state in a module.
  isolate: false,
  maxWorkers: WORKERS,
  globalSetup: "test/support/build.ts",
  sequence: { groupOrder: 1 },
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // Slow machines are slow, not broken: a deadline here only ends what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Tests that say they may run at the same time spend most of it waiting for something to come back.
    maxConcurrency: ONE_BY_ONE ? 1 : 8,
    reporters: ["default"],
    projects: IS_QUICK
      ? [{ extends: true, test: { ...SHARED, name: "quick", include: [...QUICK] } }]
      : [
          {
            extends: true,
            test: {
              name: "alone",
              include: ALONE,
              maxWorkers: 1,
              globalSetup: "test/support/build.ts",
              sequence: { groupOrder: 0 },
            },
          },
          {
            extends: true,
            test: { ...SHARED, name: "together", include: ["test/**/*.test.ts"], exclude: ALONE },
          },
        ],
  },
});
