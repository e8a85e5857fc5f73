/** Resting: a thread waits between its steps, and longer where it shares its processor. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { PACKING_THREAD } from "../support/service.ts";

/** Works in six small steps, and says how long it rested, in milliseconds. */
const PROGRAM = `
  import { createRest } from ${JSON.stringify(new URL("rest.js", PACKING_THREAD).href)};
  import { Worker } from "node:worker_threads";
  const others = Number(process.argv[1]);
  const busy = Array.from({ length: others }, () => new Worker("for (;;);", { eval: true }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const rest = createRest();
  let rested = 0;
  for (let step = 0; step < 6; step += 1) {
    const until = performance.now() + 10;
    while (performance.now() < until);
    const before = performance.now();
    rest();
    rested += performance.now() - before;
  }
  console.log(rested);
  process.exit();`;

test.skipIf(process.platform !== "linux")("it rests for longer than it works beside others on its processor", () => {
  const shared = spawnSync("taskset", ["-c", "0", process.execPath, "--input-type=module", "-e", PROGRAM, "3"]);
  expect([shared.status, String(shared.stderr)]).toEqual([0, ""]);
  // It worked for 60 ms at most.
  expect(Number(shared.stdout)).toBeGreaterThan(120);
});
