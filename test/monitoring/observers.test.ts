import { expect, test } from "vitest";
import { fateOf } from "../../src/flow/fate-of.ts";
import type { Observer } from "../../src/flow/observer.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { countMessages, createMetrics, NOTHING_OBSERVED } from "../../src/monitoring/metrics.ts";
import { tellEach } from "../../src/monitoring/observers.ts";
import { createTraffic, trafficOfMessages } from "../../src/monitoring/traffic.ts";
import { traceMessages } from "../../src/trace/fate-note.ts";
import type { TraceNote } from "../../src/trace/note.ts";
import { acceptInto, listening, receivedFrom } from "../support/accept.ts";
import { deliveryReport } from "../support/report.ts";

test("observers are told in order, a list at a time; one that throws is told of, and stops no other", () => {
  const told: string[] = [];
  const throwing = (): never => {
    throw new Error("broken");
  };
  const broken: Observer = { accepted: throwing, refused: throwing, answered: throwing, became: throwing };
  const observer = tellEach([listening(told, "first "), broken, listening(told, "last ")], ({ message }) =>
    told.push(message),
  );
  observer.became([
    { kind: "ignored", id: "j1" },
    { kind: "ignored", id: "j2" },
  ]);
  expect(told.splice(0)).toEqual(["first became ignored,ignored", "broken", "last became ignored,ignored"]);
  observer.accepted([]);
  observer.refused([]);
  observer.answered([]);
  expect(told.map((line) => line.trim())).toEqual(
    ["accepted", "refused", "answered"].flatMap((what) => [`first ${what}`, "broken", `last ${what}`]),
  );
});

test("a report is counted and traced by what it says when it is accepted, and by what it became when it is queued", async () => {
  const stored: JournalRecord[] = [];
  const notes: TraceNote[] = [];
  const faults: Error[] = [];
  const metrics = createMetrics(NOTHING_OBSERVED);
  const traffic = createTraffic();
  const observer = tellEach(
    [traceMessages((note) => notes.push(note)), trafficOfMessages(traffic), countMessages(metrics)],
    (cause) => faults.push(cause),
  );
  const accept = acceptInto(stored, { observer });
  const { onAnswered } = await accept(receivedFrom(deliveryReport()));
  onAnswered(true);
  const [record] = stored;
  if (!record) throw new Error("It is stored");
  observer.became([fateOf(record, { earlierJob: null }), fateOf(record, { earlierJob: "j0" })]);
  expect(faults).toEqual([]);
  expect(notes.map(({ kind }) => kind)).toEqual(["received", "queued", "queued"]);
  expect(notes.map((note) => ("duplicateOf" in note ? note.duplicateOf : undefined))).toEqual([undefined, null, "j0"]);
  expect(traffic.byPeer().get("carrier")).toMatchObject({ reports: 1, duplicates: 1 });
  const lines = (await metrics.registry.metrics()).split("\n");
  for (const name of ["mm4d_reports_total", "mm4d_published_total", "mm4d_duplicates_total"])
    expect(lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.split(" ").at(-1))).toEqual(["1"]);
});
