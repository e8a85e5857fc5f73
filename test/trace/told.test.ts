import { expect, test } from "vitest";
import { reportOf, type TraceNote } from "../../src/trace/note.ts";
import { headerOf, tellReport } from "../../src/trace/told.ts";
import { KIM, later, queued, received } from "../support/notes.ts";

const report = (job: Parameters<typeof tellReport>[0]["job"], ...notes: readonly TraceNote[]) => {
  return { ...reportOf(notes), said: null, today: null, job };
};

test.each([
  [
    { state: "gone", attempts: 0, error: null, finishedAt: null },
    "the job is no longer kept: it was consumed, or removed",
  ],
  [
    { state: "waiting for a consumer", attempts: 0, error: null, finishedAt: null },
    "the job is waiting for a consumer",
  ],
  [
    { state: "failed", attempts: 1, error: "no +12025550155", finishedAt: "2026-01-02T00:00:00.000Z" },
    "the job is failed after 1 attempt at 2026-01-02T00:00:00.000Z: no +*******0155",
  ],
])("the way of a report ends with its job: %j", (job, told) => {
  const first = received(KIM);
  const { steps } = tellReport(report(job, queued(first, "j1"), first), "masked");
  expect(steps.map(({ text }) => text)).toEqual([
    expect.stringMatching(/^received from carrier .*; answered "250 2\.0\.0 Report stored" after 1\.5 ms$/),
    "put on the queue as job j1",
    told,
  ]);
  expect(steps.at(-1)?.at).toBe("now");
});

test("a report that could not be answered, and made no event, is told with its fate and no number", () => {
  const first = received(KIM);
  const fate = "kept in quarantine as j1 (no-status)";
  const unread = { ...first, event: null, ids: { ...first.ids, eventId: null }, answered: false, fate } as const;
  const { ids } = unread;
  const detail = "550 no such user +12025550155";
  const refused: TraceNote = { kind: "acknowledgement", at: later(), id: "a1", result: "bounced", detail, ids };
  const found = report(null, unread, refused);
  const told = tellReport(found, "masked");
  expect(told.headline[0]).toBe("No event");
  expect(told.steps.map(({ text }) => text)).toEqual([
    expect.stringMatching(/; could not be answered ".*": the connection was closed; kept in quarantine as j1/),
    "acknowledgement came back: 550 no such user +*******0155",
  ]);
  expect(headerOf(found, "masked")).not.toContain("2025550155");
  expect(headerOf(found, "full")).toContain("2025550155");
});
