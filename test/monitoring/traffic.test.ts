import { afterEach, expect, test, vi } from "vitest";
import { createTraffic, trafficOfBoth } from "../../src/monitoring/traffic.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("reports are counted by peer since the start, and in the minute before now", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const traffic = createTraffic();
  const delivered = eventOf(deliveryReport());
  const expired = eventOf(deliveryReport({ "X-Mms-MM-Status-Code": "Expired" }));
  expect([traffic.lastMinute(), traffic.byPeer().size]).toEqual([0, 0]);
  for (let second = 0; second < 100; second += 1) {
    traffic.countAccepted("carrier", new Date(second * 1_000), second === 99 ? "TLSv1.3" : null);
    traffic.countRead(second % 4 === 0 ? expired : delivered);
    vi.advanceTimersByTime(1_000);
  }
  expect(traffic.byPeer().get("carrier")).toEqual({
    accepted: 100,
    firstAt: new Date(0),
    lastAt: new Date(99_000),
    lastTls: "TLSv1.3",
    reports: 100,
    successes: 75,
    failures: 25,
    duplicates: 0,
    conflicts: 0,
    unlistedCodes: 0,
    quarantined: 0,
    warnings: new Map(),
  });
  expect(traffic.lastMinute()).toBeGreaterThanOrEqual(59);
  expect(traffic.lastMinute()).toBeLessThanOrEqual(60);
  vi.advanceTimersByTime(30_000);
  expect(traffic.lastMinute()).toBeGreaterThanOrEqual(29);
  expect(traffic.lastMinute()).toBeLessThanOrEqual(30);
  vi.advanceTimersByTime(3_600_000);
  expect(traffic.lastMinute()).toBe(0);
});

test("what is read of an earlier process's journal has not come here", () => {
  const [busy, drains] = [createTraffic(), createTraffic()];
  busy.countAccepted("carrier", new Date(5_000), "TLSv1.2");
  drains.countRead(eventOf(deliveryReport()));
  const [one, other] = [busy, drains].map((traffic) => traffic.byPeer().get("carrier"));
  if (!one || !other) throw new Error("Both know it");
  expect(drains.lastMinute()).toBe(0);
  expect(other).toMatchObject({ accepted: 0, reports: 1, firstAt: null, lastAt: null });
  const both = { accepted: 1, reports: 1, firstAt: new Date(5_000), lastAt: new Date(5_000), lastTls: "TLSv1.2" };
  expect([trafficOfBoth(one, other), trafficOfBoth(other, one)]).toMatchObject([both, both]);
});
