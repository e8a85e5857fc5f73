import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Slow machines are slow, not broken: a deadline here only ends what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Tests that say they may run at the same time spend most of it waiting for something to come back.
    maxConcurrency: 8,
    reporters: ["default"],
  },
});
