/** Runs the one file that is no test of the gate: `npm run fixtures:upgrade`. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["test/upgrade/write.ts"], testTimeout: 300_000, hookTimeout: 60_000, reporters: ["default"] },
});
