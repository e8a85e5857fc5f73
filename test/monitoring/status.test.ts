/** `mm4d status`, in words. */
import { expect, test } from "vitest";
import { describeStatus, type StatusFacts } from "../../src/monitoring/status.ts";
import { createTraffic } from "../../src/monitoring/traffic.ts";
import { IDLE_QUEUE } from "../support/queue-use.ts";

const NOW = new Date("2026-11-30T12:00:00Z");

function factsWith(more: Partial<StatusFacts>): StatusFacts {
  return {
    version: "1.1.0",
    runningMs: 60_000,
    reasons: [],
    reportsLastMinute: 7,
    listed: [],
    peers: new Map(),
    connections: new Map(),
    journal: { records: 0, bytes: 0, waitingBytes: 0, maxBytes: 1_073_741_824, oldestAt: null },
    aside: 0,
    archive: null,
    redis: "redis://127.0.0.1:6379",
    events: undefined,
    further: [],
    acknowledgements: undefined,
    quarantined: 0,
    ...more,
  };
}

const line = (about: string, more: Partial<StatusFacts>) =>
  describeStatus(factsWith(more), NOW).lines.find((one) => one.startsWith(`${about}: `));

test("listed peers that have not sent are named, so many as one screen has room for", () => {
  const traffic = createTraffic();
  traffic.countAccepted("sends", NOW, null);
  const peers = traffic.byPeer();
  expect(line("Reports", { peers, listed: ["sends"] })).toBe("Reports: 7 in the last minute");
  expect(line("Reports", { peers, listed: ["sends", "silent", "other"] })).toBe(
    "Reports: 7 in the last minute; none since the start from silent, other",
  );
  const many = Array.from({ length: 1_000 }, (_, index) => `p${index}`);
  expect(line("Reports", { peers, listed: many })).toMatch(/ from p0, p1, .*, p9 and 990 more$/);
  // Loopback is no peer that is listed, and nobody misses its reports.
  expect(line("Reports", {})).toBe("Reports: 7 in the last minute");
});

test("what is on a queue is told by what it does", () => {
  const use: StatusFacts["events"] = {
    ...IDLE_QUEUE,
    agoMs: 999,
    jobs: { waiting: 2, active: 1, delayed: 3, failed: 91 },
    oldestWaitingAt: new Date("2026-11-30T11:58:00Z"),
    waits: 2,
    paused: true,
  };
  expect(line("Queue", { events: use })).toBe(
    "Queue: 2 waiting (oldest 2 min), 1 active, 3 retrying, 91 failed (mm4d failed list), paused, 0 workers of BullMQ connected",
  );
  expect(line("Queue", { events: { ...use, agoMs: 4_200 } })).toMatch(/ of BullMQ connected, as of 4 s ago$/);
});
