import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { quickFiles } from "./test/support/quick.ts";

/** They fill every core by themselves, or measure what the machine can do. */
const ALONE = ["test/faults/**/*.test.ts", "test/attacks/**/*.test.ts", "test/system/load.test.ts"];
/** `npm run quick` runs these only. */
const QUICK = quickFiles().filter((file) => !/^test\/(?:faults|attacks)\//.test(file));

/** Most of the time of most files is spent waiting: for a timer of the product, for Redis, for a process. */
const WORKERS = availableParallelism() + 2;

const SHARED = {
  // What they import is read once a worker, not once a file: nothing of ours keeps state in a module.
  isolate: false,
  maxWorkers: WORKERS,
  globalSetup: "test/support/build.ts",
  sequence: { groupOrder: 1 },
};

export default defineConfig({
  test: {
    // Slow machines are slow, not broken: a deadline here only ends what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Tests that say they may run at the same time spend most of it waiting for something to come back.
    maxConcurrency: 8,
    reporters: ["default"],
    projects: [
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
      { extends: true, test: { ...SHARED, name: "quick", include: [...QUICK] } },
      {
        extends: true,
        test: { ...SHARED, name: "together", include: ["test/**/*.test.ts"], exclude: [...ALONE, ...QUICK] },
      },
    ],
  },
});
