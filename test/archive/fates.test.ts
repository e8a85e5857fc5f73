/** The lines of fates: written, read, cut by a crash. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Became } from "../../src/archive/archived.ts";
import { becameOf, lineOfFate, lineOfMove, readFates } from "../../src/archive/fates.ts";
import { OUTCOMES } from "../../src/delivery/verdict.ts";
import { deliveryReport, eventOf, PEER } from "../support/report.ts";

const AT = "2026-01-02T03:04:06.000Z";
const NOTHING = { eventId: null, outcome: null, duplicateOf: null, reason: null };
const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }));
const became: fc.Arbitrary<Became> = fc.record({
  at: text,
  kind: fc.constantFrom("queued", "duplicate", "quarantined", "ignored", "bounce"),
  eventId: fc.option(text),
  outcome: fc.option(fc.constantFrom(...OUTCOMES)),
  duplicateOf: fc.option(text),
  reason: fc.option(text),
  acknowledged: fc.boolean(),
});

test("what became of records is read as it was written, whatever stands in it", () => {
  const fates = fc.uniqueArray(fc.tuple(text, became), { selector: ([id]) => id });
  fc.assert(
    fc.property(fates, (all) => {
      const read = readFates(Buffer.from(all.map(([id, one]) => lineOfFate(id, one)).join("")));
      expect([...read.became].map(([id, json]) => [id, JSON.parse(json)])).toEqual(all);
      expect(read.moved).toEqual(new Set());
    }),
  );
});

test("a record that was moved is told by where it stood", () => {
  const { became, moved } = readFates(Buffer.from(lineOfMove("a", 0) + lineOfMove("b", 352)));
  expect([[...became], [...moved]]).toEqual([[], [0, 352]]);
});

test("of a record that was worked off once more after a kill, the first line counts", () => {
  const first: Became = { at: AT, kind: "queued", ...NOTHING, eventId: "e", acknowledged: true };
  const again: Became = { ...first, kind: "duplicate", duplicateOf: "j9" };
  const { became } = readFates(Buffer.from(lineOfFate("a", first) + lineOfFate("a", again)));
  expect(JSON.parse(became.get("a") ?? "")).toEqual(first);
});

test("wherever a crash has cut it, the lines before are read, and those that are appended later", () => {
  const one: Became = { at: AT, kind: "ignored", ...NOTHING, acknowledged: false };
  const lines = ["a", "b", "c"].map((id) => lineOfFate(id, one));
  const whole = lines.join("");
  for (let length = 0; length <= whole.length; length += 1) {
    const read = readFates(Buffer.from(whole.slice(0, length) + lineOfFate("later", one)));
    const before = ["a", "b", "c"].filter((_, index) => lines.slice(0, index + 1).join("").length <= length);
    expect([length, [...read.became.keys()]]).toEqual([length, [...before, "later"]]);
  }
});

test("bytes that are no lines say nothing", () => {
  const text = `\n\0\0\0\n{"id":"a"}\n{"id":1,"moved":2}\nnull\n[]\n{"id":"a","became":{"kind":"queued"}}\n{"id":"a","moved":"3"}`;
  const { became, moved } = readFates(Buffer.from(text));
  expect([became.size, moved.size]).toEqual([0, 0]);
});

test("each kind of fate says what became of its record", () => {
  const event = eventOf(deliveryReport());
  const { id: eventId } = event;
  const { outcome } = event.data;
  const message = { reason: "no-status" as const, detail: null, peer: PEER, receivedAt: AT, raw: "" };
  const tied = { peer: "carrier", bounce: { action: "", status: null, diagnostic: null, receivedAt: AT } };
  const made = [
    becameOf({ id: "j", read: null, kind: "queued", event }, AT, true),
    becameOf({ id: "j", read: null, kind: "duplicate", event, duplicateOf: "j0" }, AT, true),
    becameOf({ id: "j", read: null, kind: "quarantined", message }, AT, true),
    becameOf({ id: "j", read: null, kind: "ignored" }, AT, true),
    becameOf(
      {
        id: "j",
        read: null,
        kind: "bounce",
        tied: { ...tied, action: "", id: null, acknowledgement: null, untied: "" },
      },
      AT,
      false,
    ),
  ];
  expect(made).toEqual([
    { at: AT, kind: "queued", ...NOTHING, eventId, outcome, acknowledged: true },
    { at: AT, kind: "duplicate", ...NOTHING, eventId, outcome, duplicateOf: "j0", acknowledged: true },
    { at: AT, kind: "quarantined", ...NOTHING, reason: "no-status", acknowledged: true },
    { at: AT, kind: "ignored", ...NOTHING, acknowledged: true },
    { at: AT, kind: "bounce", ...NOTHING, acknowledged: false },
  ]);
});
