import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createPace } from "../../src/smtp/limits.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("createPace() lets a second's worth pass at once, then as many as time goes by, each name for itself", () => {
  const mayGoOn = createPace();
  const tries = (name: string, count: number) =>
    Array.from({ length: count }, () => mayGoOn(name, 3)).filter(Boolean).length;
  expect(tries("a", 10)).toBe(3);
  expect(tries("b", 10)).toBe(3);
  vi.advanceTimersByTime(334);
  expect(tries("a", 10)).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(tries("a", 10)).toBe(3);
});
