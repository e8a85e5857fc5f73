/** Whether a name is asked for again for what it was begun for. */
import { expect, test } from "vitest";
import { describeWanted, isAskedAgain, type ReplayAsked } from "../../src/replay/wanted.ts";

const SINCE = "2026-11-30T10:00:00.000Z";
const UNTIL = "2026-11-30T12:00:00.000Z";
const BEGUN = {
  wanted: { since: SINCE, until: UNTIL, filter: { peer: "east", code: "470" }, queue: "billing-2" },
  typed: { since: "2h", until: "" },
};
const BARE: ReplayAsked = { since: null, until: null, filter: {}, queue: null };
const SAME: ReplayAsked = {
  since: { typed: "2h", at: "2026-11-30T11:15:00.000Z" },
  until: null,
  filter: { code: "470", peer: "east" },
  queue: "billing-2",
};

test.each<[name: string, asked: ReplayAsked, again: boolean]>([
  ["by its name alone", BARE, true],
  ["in the same words, of which the time has another meaning by now", SAME, true],
  ["by the time that they meant", { ...SAME, since: { typed: SINCE, at: SINCE } }, true],
  ["from another time on", { ...SAME, since: { typed: "3h", at: "2026-11-30T09:00:00.000Z" } }, false],
  ["without a beginning", { ...SAME, since: null }, false],
  ["until another time", { ...SAME, until: { typed: "1h", at: "2026-11-30T11:00:00.000Z" } }, false],
  ["until the time at which it was begun", { ...SAME, until: { typed: UNTIL, at: UNTIL } }, true],
  ["of another peer", { ...SAME, filter: { peer: "west", code: "470" } }, false],
  ["with a filter less", { ...SAME, filter: { peer: "east" } }, false],
  ["with a filter more", { ...SAME, filter: { ...SAME.filter, type: "read-report" } }, false],
  ["into another queue", { ...SAME, queue: "billing-3" }, false],
  ["into the main queue, which is none that is named", { ...SAME, queue: null }, false],
])("%s", (_, asked, again) => {
  expect(isAskedAgain(BEGUN, asked, "mm4-delivery-events")).toBe(again);
});

test("it is told in words", () => {
  expect(describeWanted(BEGUN.wanted)).toBe(
    `reports from ${SINCE} until ${UNTIL}, peer east, code 470, into "billing-2"`,
  );
});
