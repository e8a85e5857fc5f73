import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** They fill every core by themselves, or measure what the machine can do. */
const ALONE = ["test/faults/**/*.test.ts", "test/attacks/**/*.test.ts", "test/system/load.test.ts"];

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
        test: { name: "alone", include: ALONE, maxWorkers: 1, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: "together",
          // What they import is read once a worker, not once a file: nothing of ours keeps state in a module.
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: ALONE,
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
