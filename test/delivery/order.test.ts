import { expect, test } from "vitest";
import { ordered, rank, shouldApply } from "../../src/delivery/order.ts";
import type { Verdict } from "../../src/delivery/verdict.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const verdict = (changes: Partial<Verdict>): Verdict => ({
  outcome: "unknown",
  disposition: "unknown",
  final: false,
  stage: null,
  rejectedBy: null,
  conflict: false,
  ...changes,
});

test.each([
  [10, verdict({ outcome: "deferred", disposition: "pending" })],
  [15, verdict({ outcome: "failed", disposition: "failure" })],
  [20, verdict({})],
  [30, verdict({ outcome: "forwarded", disposition: "success", stage: "carrier" })],
  [40, verdict({ outcome: "indeterminate", final: true })],
  [50, verdict({ outcome: "forwarded", disposition: "success", stage: "carrier", final: true })],
  [60, verdict({ outcome: "rejected", disposition: "failure", final: true })],
  [70, verdict({ outcome: "delivered", disposition: "success", stage: "handset", final: true })],
  [80, verdict({ outcome: "read", disposition: "success", stage: "handset", final: true })],
  [80, verdict({ outcome: "deleted-unread", disposition: "success", stage: "handset", final: true })],
])("rank() is %i for %o", (expected, of) => {
  expect(rank(of)).toBe(expected);
});

test("shouldApply() compares rank, then the time of handling with none lowest, then the id", () => {
  const held = { id: "r5", rank: 30, handledAt: "2026-01-02T03:04:05.000Z" };
  expect(shouldApply(held, { ...held, rank: 60, handledAt: null })).toBe(true);
  expect(shouldApply(held, { ...held, rank: 10, id: "r9" })).toBe(false);
  expect(shouldApply(held, { ...held, handledAt: "2026-01-02T03:04:06.000Z", id: "r1" })).toBe(true);
  expect(shouldApply(held, { ...held, handledAt: null, id: "r9" })).toBe(false);
  expect(shouldApply({ ...held, handledAt: null }, { ...held, id: "r1" })).toBe(true);
  expect(shouldApply(held, { ...held, id: "r6" })).toBe(true);
  expect(shouldApply(held, held)).toBe(false);
});

test("a report that was overtaken does not undo what is known", () => {
  const forwarded = ordered(eventOf(deliveryReport({ "X-Mms-MM-Status-Code": "Forwarded" })));
  const delivered = ordered(eventOf(deliveryReport()));
  expect([shouldApply(forwarded, delivered), shouldApply(delivered, forwarded)]).toEqual([true, false]);
});
