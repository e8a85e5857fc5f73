import { expect, test } from "vitest";
import { readParty } from "../../src/mm4/address.ts";
import { asSaid, readUnfolded } from "../../src/mm4/unfold.ts";

const NANP = { nanp: true, internationalPrefixes: [] };

test.each<[string, string | null, string | null]>([
  // entry, as the address of a field, as one of a list
  ["+12025550100/TY\nPE=PLMN@a.example", "+12025550100", "+12025550100"],
  ["+12025550100/TYPE=PLMN@a.\n\nexample", "+12025550100", "+12025550100"],
  ["+1\n2025550100/TYPE=PLMN@a.example", "+12025550100", null],
  ["<+1\n2025550100/TY\nPE=PLMN@a.example>", "+12025550100", null],
  ["+1202555\n0100/TYPE=PLMN@a.example", null, null],
  ["+1\n2025550100", null, null],
  ["+12025550100\n5", null, null],
  ["+12025550100\n1234", null, null],
  ["1234\n12025550100/TYPE=PLMN", null, null],
  ["911\n12025550100/TYPE=PLMN@a.example", null, null],
  ["12345\n1234567890/TYPE=PLMN", null, null],
  ["9\n11/TYPE=PLMN", null, null],
  ["911/TY\nPE=PLMN", null, null],
  ["+12025550100/TYPE=PLMN", null, null],
  ["=?utf-8?q?=2B?=\n12025550100/TYPE=PLMN", null, null],
])("of %j a fold is joined where that makes one certain number: %s, in a list %s", (entry, one, listed) => {
  const number = (mayJoinDigits: boolean) =>
    readUnfolded(entry, (text) => readParty(text), mayJoinDigits)?.party.number;
  expect([number(true) ?? null, number(false) ?? null]).toEqual([one, listed]);
});

test("what is a number of its peer alone is no part of another", () => {
  const read = (text: string) => readParty(text, NANP);
  expect(readUnfolded("+1\n2025550100/TYPE=PLMN", read, true)).toBe(null);
  expect(readUnfolded("2025550100\n12345/TYPE=PLMN", read, true)).toBe(null);
});

test("as it is said, a fold is a blank", () => {
  expect(asSaid("a\nb\n\nc")).toBe("a b c");
});
