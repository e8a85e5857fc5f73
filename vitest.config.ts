import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** They fill every core by themselves, or measure what the machine can do. */
const ALONE = ["test/attacks/**/*.test.ts", "test/system/load.test.ts"];

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
          include: ["test/**/*.test.ts"],
          exclude: ALONE,
          // One more than there are cores: most of the time they wait for something to come back.
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
