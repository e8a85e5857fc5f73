import fc from "fast-check";
import { expect, test } from "vitest";
import { entryIn, lineOf, type ReportEntry } from "../../src/trace/entry.ts";
import { EVERY_REPORT, fitting, perhapsFitting } from "../../src/views/filter.ts";
import type { ReportFilter } from "../../src/views/report-row.ts";
import { rowsIn } from "../../src/views/rows.ts";
import { reported } from "../support/notes.ts";

const KINDS: readonly ReportEntry[] = [
  reported({}, "delivered"),
  reported({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }, "rejected"),
  reported({ "X-Mms-MM-Status-Code": "Retrieved", "X-Internal-Status-Code": "470" }, "conflict"),
  reported({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "47" }, "unknown code"),
  reported({ "X-Mms-MM-Status-Code": "Deferred", "X-Mms-Message-ID": undefined }, "deferred"),
  { ...reported({}, "kept"), fate: { kind: "quarantined", reason: "no-status" } },
  { ...reported({}, "ignored"), fate: { kind: "ignored", messageType: "MM4_forward.REQ" } },
];

/** What may stand in a peer's name, and more. */
const NAME = fc.oneof(fc.constantFrom("carrier", "other", 'a"b', "a\\", "ä\u2028", ""), fc.string());
/** What may be asked of a row. */
const ASKED = ["peer", "outcome", "disposition", "code", "type", "conflict"] as const;

test("whatever fits is never left unread", () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), NAME, fc.subarray([...ASKED]), (kind, name, asked) => {
      const line = lineOf({ ...kind, peer: { ...kind.peer, name } }, '""');
      const row = rowsIn([entryIn(line)])[0]?.row;
      if (!row) throw new Error("each is a row");
      const filter = { ...EVERY_REPORT, ...Object.fromEntries(asked.map((one) => [one, row[one]])) } as ReportFilter;
      expect([filter, line, fitting(filter)(row), perhapsFitting(filter)(line)]).toEqual([filter, line, true, true]);
    }),
    { numRuns: 2_000 },
  );
});

test("without a code is an event that has none, and no message that made no event", () => {
  const filter: ReportFilter = { ...EVERY_REPORT, code: "none" };
  const fit = KINDS.filter((kind) => {
    const line = lineOf(kind, '""');
    return perhapsFitting(filter)(line) && rowsIn([entryIn(line)]).some(({ row }) => fitting(filter)(row));
  });
  expect(fit.map(({ id }) => id)).toEqual(["delivered", "deferred"]);
});

test("most that does not fit is left unread, and what 1.0 wrote, never", () => {
  const line = lineOf(KINDS[0] as ReportEntry, '""');
  expect(perhapsFitting({ ...EVERY_REPORT, code: 470 })(line)).toBe(false);
  expect(perhapsFitting({ ...EVERY_REPORT, peer: "other" })(line)).toBe(false);
  expect(perhapsFitting({ ...EVERY_REPORT, conflict: true })(line)).toBe(false);
  expect(perhapsFitting({ ...EVERY_REPORT, code: 470 })('{"kind":"received"}')).toBe(true);
});
