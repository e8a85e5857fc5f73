import { expect, test } from "vitest";
import { chart } from "../../src/admin/chart.ts";
import { chartOf } from "../../src/admin/chart-data.ts";
import type { Tally } from "../../src/delivery/tally.ts";

const NOW = new Date("2026-01-02T03:04:30Z");

function tally(from: string, reports: number, more: Partial<Tally> = {}): Tally {
  const kind = {
    peer: "first",
    type: "delivery-report",
    outcome: "rejected",
    disposition: "failure",
    code: "470",
  } as const;
  return { ...kind, from: new Date(from), reports, ...more };
}

test("chartOf() puts each minute into its bar, and leaves out what is older", () => {
  const { times, series } = chartOf(
    [tally("2026-01-02T03:04:00Z", 2), tally("2026-01-02T02:05:00Z", 3), tally("2026-01-02T02:04:00Z", 9)],
    "hour",
    NOW,
  );
  expect(times.length).toBe(60);
  expect(times.at(-1)).toBe(Date.parse("2026-01-02T03:04:00Z") / 1000);
  const failure = series.find(({ name }) => name === "failure")?.counts;
  expect([failure?.[0], failure?.[59], failure?.reduce((sum, count) => sum + count, 0)]).toEqual([3, 2, 5]);
  expect(series.map(({ name }) => name)).toEqual(["success", "pending", "unknown", "failure"]);
});

test("chartOf() by peer shows the seven with most, and the rest as one", () => {
  const tallies = Array.from({ length: 9 }, (_, index) =>
    tally("2026-01-02T03:04:00Z", 10 - index, { peer: `p${index}` }),
  );
  const { series } = chartOf(tallies, "hour", NOW, "peer");
  expect(series.map(({ name, counts }) => [name, counts[59]])).toEqual([
    ...Array.from({ length: 7 }, (_, index) => [`p${index}`, 10 - index]),
    ["others", 3 + 2],
  ]);
});

test("chartOf() by code names what has none, and what is not listed", () => {
  const tallies = ["none", "other", "470"].map((code) => tally("2026-01-02T03:00:00Z", 1, { code }));
  const { series } = chartOf(tallies, "day", NOW, "code");
  expect(series.map(({ name }) => name).sort()).toEqual(["470", "no code", "not listed"]);
});

test("a chart of a peer whose name is like a path asks for that peer", async () => {
  const shown = String(await chart({ span: "day", peer: "a/b&c" }));
  expect(shown).toContain('data-chart="/chart?span=day&amp;by=result&amp;peer=a%2Fb%26c"');
  expect(shown).toContain('href="/peers/a%2Fb%26c?span=week"');
});
