import { expect, test } from "vitest";
import type { Acknowledgement } from "../../src/delivery/acknowledgement.ts";
import { acknowledgementId, retrySchedule } from "../../src/queue/owed-jobs.ts";

test("retries begin within 15 s, double up to ten minutes, and go on for about an hour", () => {
  const waits = retrySchedule(10);
  expect(waits.slice(0, 4)).toEqual([10_000, 20_000, 40_000, 80_000]);
  expect(Math.max(...waits)).toBe(600_000);
  const sum = waits.reduce((all, wait) => all + wait, 0);
  expect(sum).toBeGreaterThanOrEqual(3_600_000);
  expect(sum).toBeLessThan(4_200_000);
  // With a fifth of chance added, the first one too.
  expect((waits[0] ?? 0) * 1.2).toBeLessThanOrEqual(15_000);
});

test("an MMSC that was away for ten minutes is asked again within ten more", () => {
  for (const firstSeconds of [1, 5, 10, 15]) {
    let atMs = 0;
    const attempts = retrySchedule(firstSeconds).map((wait) => {
      atMs += wait * 1.2;
      return atMs;
    });
    const next = attempts.find((attempt) => attempt > 600_000) ?? Number.POSITIVE_INFINITY;
    expect(next - 600_000).toBeLessThan(720_000);
  }
});

test("one debt has one id, and another debt another", () => {
  const debt = { eventId: "r1", transactionId: '"tx\u00e9"' } as Acknowledgement;
  const id = acknowledgementId(debt, "j1");
  expect(id).toMatch(/^a[0-9a-f]{32}$/);
  expect(acknowledgementId({ ...debt }, "j1")).toBe(id);
  const others = [
    acknowledgementId(debt, "j2"),
    acknowledgementId({ ...debt, eventId: "r2" }, "j1"),
    acknowledgementId({ ...debt, eventId: null }, "j1"),
    acknowledgementId({ ...debt, transactionId: '"tx"' }, "j1"),
    acknowledgementId({ ...debt, eventId: "r1 4 tx" }, "j1"),
  ];
  expect(new Set([id, ...others]).size).toBe(others.length + 1);
});
