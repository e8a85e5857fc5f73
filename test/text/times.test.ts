/** Times as people write them, on the command line and on the page. */
import { expect, test } from "vitest";
import { timeIn } from "../../src/text/times.ts";

const NOW = new Date("2026-03-01T03:04:05.678Z");
const read = (text: string): string | undefined => {
  const ms = timeIn(text, NOW);
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

test.each([
  ["90s", "2026-03-01T03:02:35.678Z"],
  ["30m", "2026-03-01T02:34:05.678Z"],
  ["30min", "2026-03-01T02:34:05.678Z"],
  ["2h", "2026-03-01T01:04:05.678Z"],
  ["3d", "2026-02-26T03:04:05.678Z"],
  ["1w", "2026-02-22T03:04:05.678Z"],
  ["today", "2026-03-01T00:00:00.000Z"],
  ["yesterday", "2026-02-28T00:00:00.000Z"],
  ["2026-01-02", "2026-01-02T00:00:00.000Z"],
  ["2026-01-02T03:04", "2026-01-02T03:04:00.000Z"],
  ["2026-01-02 03:04:05", "2026-01-02T03:04:05.000Z"],
  ["2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500Z"],
  ["2026-01-02T03:04-05:00", "2026-01-02T08:04:00.000Z"],
])("%s is %s", (text, expected) => {
  expect(read(text)).toBe(expected);
});

test.each([
  "",
  "5",
  "2x",
  "-2h",
  "1.5h",
  "999999d",
  "tomorrow",
  "Today",
  "2026",
  "2026-13-01",
  "2026-02-30T25:00",
  "Jan 5",
])("%s is no time", (text) => {
  expect(read(text)).toBeUndefined();
});
