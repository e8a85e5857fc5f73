import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Control, takeControl } from "../../src/process/control.ts";
import { processDirectory } from "../../src/process/directories.ts";
import { createSiblings, type ProcessState, pack } from "../../src/process/siblings.ts";

const dataDir = mkdtempSync(join(tmpdir(), "mm4d-siblings-"));
/** Of two other processes, on the sockets in their directories. */
const controls: Control[] = [];

beforeAll(async () => {
  for (const number of [2, 3]) {
    mkdirSync(processDirectory(dataDir, number), { recursive: true });
    controls.push(await takeControl(processDirectory(dataDir, number)));
  }
});
afterAll(async () => {
  for (const control of controls) await control.release();
});

/** No process is given up because the machine is slow. */
const PATIENCE_MS = 60_000;
/** How many reports each process has taken. */
let taken = 0;
const stateNow = () => pack({ status: { reportsLastMinute: taken } } as ProcessState);
const told = (states: readonly ProcessState[]) => states.map(({ status }) => status.reportsLastMinute);

test("whoever asks is told what is so then, however short a time ago another one was", async () => {
  for (const control of controls) control.answer({ state: stateNow });
  const siblings = createSiblings(dataDir, { siblings: [2, 3], count: 3 }, PATIENCE_MS);
  for (taken = 0; taken < 5; taken += 1) expect(told(await siblings.states())).toEqual([taken, taken]);
});

test("who asks while others wait for an answer gets one of after that, and all of them together the same", async () => {
  let asked = 0;
  let answer = (): void => {};
  const isAsked = new Promise<void>((resolve) => {
    controls[0]?.answer({
      async state() {
        asked += 1;
        const before = stateNow();
        resolve();
        if (asked === 1) await new Promise<void>((done) => (answer = done));
        return before;
      },
    });
  });
  const siblings = createSiblings(dataDir, { siblings: [2], count: 2 }, PATIENCE_MS);
  taken = 600;
  const first = [siblings.states(), siblings.states()];
  await isAsked;
  taken = 601;
  const later = Array.from({ length: 50 }, () => siblings.states());
  answer();
  for (const states of await Promise.all(first)) expect(told(states)).toEqual([600]);
  for (const states of await Promise.all(later)) expect(told(states)).toEqual([601]);
  expect(asked).toBe(2);
});

test("a service of one process asks nothing", async () => {
  const alone = createSiblings(dataDir, { siblings: [], count: 1 });
  expect([await alone.states(), await alone.metrics(), alone.missing()]).toEqual([[], [], 0]);
});
