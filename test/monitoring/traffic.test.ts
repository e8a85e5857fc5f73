import { afterEach, expect, test, vi } from "vitest";
import { createTraffic } from "../../src/monitoring/traffic.ts";
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
    traffic.count(second % 4 === 0 ? expired : delivered);
    vi.advanceTimersByTime(1_000);
  }
  expect(traffic.byPeer().get("carrier")).toEqual({
    reports: 100,
    successes: 75,
    failures: 25,
    duplicates: 0,
    conflicts: 0,
    unlistedCodes: 0,
    quarantined: 0,
    warnings: new Map(),
    firstAt: new Date(delivered.data.receivedAt),
    lastAt: new Date(delivered.data.receivedAt),
  });
  expect(traffic.lastMinute()).toBeGreaterThanOrEqual(59);
  expect(traffic.lastMinute()).toBeLessThanOrEqual(60);
  vi.advanceTimersByTime(30_000);
  expect(traffic.lastMinute()).toBeGreaterThanOrEqual(29);
  expect(traffic.lastMinute()).toBeLessThanOrEqual(30);
  vi.advanceTimersByTime(3_600_000);
  expect(traffic.lastMinute()).toBe(0);
});
