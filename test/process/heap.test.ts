import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { HEAP_FLAGS } from "../../src/process/heap.ts";

test.each(HEAP_FLAGS)("this Node.js knows %s, of which it would complain on stderr and go on", (flag) => {
  const program = `require("node:v8").setFlagsFromString(${JSON.stringify(flag)})`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
