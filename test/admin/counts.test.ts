/** The counts of the pages of codes and of peers. */
import { expect, test } from "vitest";
import { changeInWords, periodIn } from "../../src/admin/code-counts.ts";
import { peerCounts } from "../../src/admin/peer-counts.ts";
import { sparkline } from "../../src/admin/sparkline.ts";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import type { Tally } from "../../src/delivery/tally.ts";
import { codeCounts } from "../../src/views/code-counts.ts";
import { peerWeeks } from "../../src/views/peer-weeks.ts";

const NOW = new Date("2026-01-10T12:34:56Z");
const tally = (from: string, code: string, reports: number, more: Partial<Tally> = {}): Tally => ({
  from: new Date(from),
  peer: "first",
  type: "delivery-report",
  outcome: "rejected",
  disposition: "failure",
  code,
  reports,
  ...more,
});

test("codes of a period: the most frequent first, each with its course, its peers and how its last day went", () => {
  const week = [
    tally("2026-01-10T12:00:00Z", "470", 3),
    tally("2026-01-10T11:00:00Z", "470", 2, { peer: "second" }),
    tally("2026-01-09T12:00:00Z", "470", 4),
    tally("2026-01-04T00:00:00Z", "775", 20),
    tally("2026-01-10T12:00:00Z", "none", 99),
  ];
  const counts = codeCounts(week, "week", week, NOW);
  const [first, second, ...none] = counts.codes;
  expect([none, counts.all, counts.reports]).toEqual([[], 2, 29]);
  expect(first).toMatchObject({ key: "775", reports: 20, change: { now: 0, before: 0 } });
  // The hour that began 24 hours ago belongs to the day before.
  expect(second).toMatchObject({ key: "470", reports: 9, change: { now: 5, before: 4 } });
  expect(second?.peers.map(({ key, reports }) => [key, reports])).toEqual([
    ["first", 7],
    ["second", 2],
  ]);
  expect(second?.course.slice(-6)).toEqual([0, 4, 0, 0, 2, 3]);
  expect(second?.course.length).toBe(28);
  expect(codeCounts(week, "day", week, NOW).codes[1]?.course.slice(-2)).toEqual([2, 3]);
  expect(codeCounts(week, "month", week, NOW).codes[1]?.course.slice(-2)).toEqual([4, 5]);
  expect(codeCounts([], "week", [], NOW)).toEqual({ codes: [], all: 0, reports: 0 });
});

test("of a thousand codes as many are told as a list shows, and all are counted", () => {
  const many = Array.from({ length: 999 }, (_, code) => tally("2026-01-10T12:00:00Z", String(code), code + 1));
  const counts = codeCounts(many, "week", many, NOW);
  expect([counts.codes.length, counts.all, counts.reports]).toEqual([BOUNDS.listShown.value, 999, 499_500]);
  expect(counts.codes[0]?.key).toBe("998");
  expect(peerWeeks(many).get("first")?.codes).toHaveLength(BOUNDS.listShown.value);
});

test("the week of each peer: what it reported, and with which codes", () => {
  const success = { disposition: "success", outcome: "delivered" } as const;
  const weeks = peerWeeks([
    tally("2026-01-10T12:00:00Z", "470", 3),
    tally("2026-01-09T12:00:00Z", "470", 4),
    tally("2026-01-09T12:00:00Z", "none", 9, success),
    tally("2026-01-09T12:00:00Z", "775", 1, { peer: "second" }),
  ]);
  expect([...weeks.keys()]).toEqual(["first", "second"]);
  const { outcomes = [], codes = [] } = weeks.get("first") ?? {};
  expect(outcomes.map(({ key, reports }) => [key, reports])).toEqual([
    ["delivered success", 9],
    ["rejected failure", 7],
  ]);
  expect(codes.map(({ key, reports }) => [key, reports])).toEqual([["470", 7]]);
});

test.each([
  [0, 0, "–"],
  [3, 3, "="],
  [3, 0, "new"],
  [6, 4, "▲ 50 %"],
  [0, 4, "▼ 100 %"],
  [1_001, 1_000, "▲ < 1 %"],
])("%s reports in a day after %s are %s", (now, before, words) => {
  expect(changeInWords({ now, before })).toBe(words);
});

test("a period that is none is a week", () => {
  expect(["day", "month", "week", "x", undefined].map(periodIn)).toEqual(["day", "month", "week", "week", "week"]);
});

test("peers of the last hour: how many, how many successes, and how many in the last whole minute", () => {
  const success = { disposition: "success", outcome: "delivered" } as const;
  const counts = peerCounts(
    [
      tally("2026-01-10T11:40:00Z", "470", 10),
      tally("2026-01-10T12:33:00Z", "none", 6, success),
      tally("2026-01-10T12:34:00Z", "none", 1, success),
      tally("2026-01-10T12:33:00Z", "none", 5, { ...success, peer: "second" }),
    ],
    NOW,
  );
  expect(counts.get("first")).toEqual({
    reports: 17,
    successes: 7,
    lastWholeMinute: 6,
    lastMinute: new Date("2026-01-10T12:34:00Z"),
  });
  expect(counts.get("second")?.lastWholeMinute).toBe(5);
  expect(counts.size).toBe(2);
});

test("a course is drawn within its box, whatever the counts are, and without styles", () => {
  for (const counts of [[], [0], [7], [0, 0, 0], [1, 1e9, 3]]) {
    const svg = String(sparkline(counts, `<b>"`));
    const [, points = ""] = /points="([^"]*)"/.exec(svg) ?? [];
    const places = points === "" ? [] : points.split(" ").map((point) => point.split(",").map(Number));
    expect(places.length).toBe(counts.length);
    for (const [x = -1, y = -1] of places) expect([x >= 0 && x <= 96, y >= 0 && y <= 20]).toEqual([true, true]);
    expect(svg).not.toMatch(/style|<b>/);
  }
});
