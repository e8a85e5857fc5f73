/** That an event was published again is a step of its report, also when nothing else is remembered of it. */
import { expect, test } from "vitest";
import { entryIn } from "../../src/trace/entry.ts";
import { expanded } from "../../src/trace/expand.ts";
import type { TraceReading } from "../../src/trace/reading.ts";
import { replayedNote } from "../../src/trace/replayed-note.ts";
import { tellReport } from "../../src/trace/told.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const NOT_ASKED: TraceReading = {
  read: () => {
    throw new Error("Nothing is read again");
  },
  idsIn: () => ({ messageId: null, transactionId: null }),
  rulesOf: () => null,
};

test("it is told by whom, as what, where, and by which name, and its report by what it said then", async () => {
  const event = eventOf(deliveryReport({ From: "+12025550155/TYPE=PLMN", "X-Mms-MM-Status-Code": "Rejected" }));
  const by = { name: "fix-4711", by: "kim@mm4-1", queue: "billing-2", recordId: `replay-fix-4711-00ff00-${event.id}` };
  const note = replayedNote(event, new Date("2026-01-03T00:00:00.000Z"), by);
  // As it comes out of a block.
  const entry = entryIn(JSON.stringify(note));
  if (entry.kind === "unanswered") throw new Error("It is a note");
  const report = { ...(await expanded([entry], new Set(), NOT_ASKED)), job: null };
  expect(report.ids).toMatchObject({ eventId: event.id, messageId: "mm-1@mmsc.example.net", numbers: ["12025550155"] });
  const { headline, steps } = tellReport(report, "masked");
  expect(headline[0]).toBe("rejected (failure, final)");
  expect(steps).toEqual([
    {
      at: "2026-01-03T00:00:00.000Z",
      text: `published again as rejected, failure, to the queue billing-2 as job ${by.recordId}: replay fix-4711 by kim@mm4-1`,
    },
  ]);
});
