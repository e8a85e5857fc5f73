/** How acknowledgements are counted, and when an MMSC's outage is told. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AcknowledgementRecorder, Attempt } from "../../src/acknowledgement/observer.ts";
import { countAcknowledgements, watchMmscs } from "../../src/monitoring/acknowledgement-recorders.ts";
import type { Log } from "../../src/monitoring/log.ts";
import { createMetrics } from "../../src/monitoring/metrics.ts";
import { NOTHING_OBSERVED } from "../../src/monitoring/observed.ts";
import { tellEachOfAcknowledgements } from "../../src/monitoring/observers.ts";
import { ACKNOWLEDGEMENT } from "../support/journal.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const { peer } = ACKNOWLEDGEMENT;

const observing = (recorder: AcknowledgementRecorder) =>
  tellEachOfAcknowledgements([recorder], (cause) => {
    throw cause;
  });

function attempt(result: Attempt["result"], failing: string | null): Attempt {
  const now = new Date();
  const mmsc = {
    peer,
    answeredAt: null,
    failing: failing === null ? null : { since: now, lastAt: now, reason: failing },
  };
  return { id: "a1", acknowledgement: ACKNOWLEDGEMENT, attempts: 1, result, words: "", mmsc };
}

test("each request, attempt and bounce is counted; a bounce counts on its acknowledgement only when that has failed", async () => {
  const metrics = createMetrics(NOTHING_OBSERVED);
  const recorder = observing(countAcknowledgements(metrics));
  recorder.requested([
    { peer, state: "owed", firstUndeliverable: false },
    { peer, state: "undeliverable", firstUndeliverable: true },
  ]);
  recorder.attempted([attempt("retried", null), attempt("sent", null), attempt("sent", null)]);
  const bounce = { action: "failed", status: null, diagnostic: null, receivedAt: ACKNOWLEDGEMENT.receivedAt };
  const tied = { peer, bounce, action: "failed", id: "a1", acknowledgement: ACKNOWLEDGEMENT, untied: null };
  recorder.bounced([
    tied,
    { ...tied, action: "delayed" },
    { ...tied, id: null, acknowledgement: null, untied: "it names none" },
  ]);
  const counted = (await metrics.acknowledgements.get()).values
    .filter(({ value }) => value > 0)
    .map(({ labels, value }) => `${labels.result} ${value}`);
  expect(counted.sort()).toEqual(["bounced 1", "owed 1", "retried 1", "sent 2", "undeliverable 1"]);
  const bounces = (await metrics.bounces.get()).values
    .filter(({ value }) => value > 0)
    .map(({ labels, value }) => `${labels.action} ${labels.tied} ${value}`);
  expect(bounces.sort()).toEqual(["delayed yes 1", "failed no 1", "failed yes 1"]);
});

test("an MMSC's outage is told once when it begins, and once when it is over; an attempt that did not ask it says nothing", () => {
  const told: string[] = [];
  const log = {
    acknowledgementsFailing: (name: string, reason: string) => told.push(`${name}: ${reason}`),
    acknowledgementsRecovered: (name: string) => told.push(`${name}: recovered`),
  } as unknown as Log;
  const mmscs = watchMmscs(log);
  const recorder = observing(mmscs);
  recorder.attempted([attempt("sent", null), attempt("retried", "it is away"), attempt("retried", "it is away")]);
  recorder.attempted([{ ...attempt("retried", null), mmsc: null }]);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([`${peer}: it is away`]);
  recorder.attempted([attempt("sent", null)]);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([`${peer}: it is away`, `${peer}: recovered`]);
  mmscs.stop();
});
