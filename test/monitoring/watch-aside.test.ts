import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLog } from "../../src/monitoring/log.ts";
import { watchAside } from "../../src/monitoring/watch-aside.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("what waits aside is told once a peer, with how much that is by then, and once more when none of it waits", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", numbers: "masked", process: null, to: { write: (line) => lines.push(line) } });
  const told = () => lines.splice(0).map((line) => JSON.parse(line));
  const watch = watchAside(log);
  let records = 0;
  for (let second = 0; second < 60; second += 1) {
    records += 1;
    watch.waits("carrier", () => ({ records, bytes: 1_000 * records }));
    // Moved to the end of the journal, and there at once again.
    if (second === 30) watch.over("carrier");
    vi.advanceTimersByTime(1_000);
  }
  expect(told()).toEqual([
    expect.objectContaining({
      event: "quarantine.waits-aside",
      level: "error",
      peer: "carrier",
      records: 2,
      bytes: 2_000,
    }),
  ]);
  watch.over("carrier");
  watch.over("nobody");
  vi.advanceTimersByTime(5_000);
  expect(told()).toMatchObject([
    { event: "quarantine.waits-aside-over", level: "info", peer: "carrier", lastedMs: 60_000 },
  ]);
  watch.waits("carrier", () => ({ records: 1, bytes: 1_000 }));
  vi.advanceTimersByTime(2_000);
  watch.over("carrier");
  watch.stop();
  expect(told().map(({ event }) => event)).toEqual(["quarantine.waits-aside", "quarantine.waits-aside-over"]);
});
