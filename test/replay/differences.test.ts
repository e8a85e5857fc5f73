/** What would be read otherwise today, in groups, with examples. */
import { expect, test } from "vitest";
import { findDifferences } from "../../src/replay/differences.ts";
import type { ReplayedReport } from "../../src/replay/report.ts";
import { archivedReport } from "../support/replays.ts";

async function* from(reports: readonly ReplayedReport[]): AsyncGenerator<ReplayedReport> {
  yield* reports;
}

const became = (replaced: Partial<NonNullable<ReplayedReport["became"]>>): ReplayedReport["became"] => ({
  ...(archivedReport("x").became as NonNullable<ReplayedReport["became"]>),
  ...replaced,
});

const QUARANTINED = became({ kind: "quarantined", eventId: null, outcome: null, reason: "no-status" });

test.each<[name: string, report: ReplayedReport, then: string | null, today: string | null]>([
  ["read the same", archivedReport("a"), null, null],
  [
    "a duplicate, read the same",
    archivedReport("a", { became: became({ ...archivedReport("a").became, kind: "duplicate" }) }),
    null,
    null,
  ],
  [
    "another outcome",
    archivedReport("a", { became: became({ ...archivedReport("a").became, outcome: "expired" }) }),
    "expired",
    "delivered",
  ],
  [
    "another id",
    archivedReport("a", { became: became({ eventId: `r${"1".repeat(32)}` }) }),
    "delivered",
    "delivered, under another id",
  ],
  ["an event at last", archivedReport("a", { became: QUARANTINED }), "quarantined (no-status)", "delivered"],
  ["no event any more", archivedReport("a", { event: null, job: null }), "delivered", "no event"],
  [
    "ignored, as then",
    archivedReport("a", { event: null, job: null, became: became({ kind: "ignored", eventId: null, outcome: null }) }),
    null,
    null,
  ],
])("%s", async (_, report, then, today) => {
  const { groups, same } = await findDifferences(from([report]));
  if (then === null) expect([groups, same]).toEqual([[], 1]);
  else expect(groups).toEqual([expect.objectContaining({ then, today, count: 1 })]);
});

test("what is not known is not compared, and neither is a bounce", async () => {
  const reports = [archivedReport("a", { became: null }), archivedReport("b", { became: became({ kind: "bounce" }) })];
  expect(await findDifferences(from(reports))).toEqual({ groups: [], same: 0, notKnown: 2 });
});

test("the largest group comes first, with three examples, however many there are", async () => {
  const expired = Array.from({ length: 7 }, (_, index) =>
    archivedReport(`e${index}`, { became: became({ ...archivedReport(`e${index}`).became, outcome: "expired" }) }),
  );
  const { groups } = await findDifferences(from([archivedReport("q", { became: QUARANTINED }), ...expired]));
  expect(groups.map(({ then, count, examples }) => [then, count, examples.length])).toEqual([
    ["expired", 7, 3],
    ["quarantined (no-status)", 1, 1],
  ]);
  expect(groups[0]?.examples[0]).toMatchObject({ peer: "carrier", event: { subject: "e0@mmsc.example.net" } });
});
