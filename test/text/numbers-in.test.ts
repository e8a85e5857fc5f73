/** The numbers of a party are the same, whether it is read in the short way for what is usual, or in the long one. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { numbersIn } from "../../src/text/masking.ts";

const piece = fc.constantFrom(
  "+",
  "1",
  "12025550100",
  "2025550",
  "/",
  "/TYPE=PLMN",
  "@",
  "mms.example.net",
  "-",
  " ",
  ".",
  "(",
  "é",
  "\n",
  "",
);
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
const number = fc.oneof(
  text,
  fc.constantFrom("+12025550100", "+120255501001234567", "+120255", "12025550100", "+1202555 0100"),
);

test("numbersIn() finds the numbers of a party as those of its two texts", () => {
  fc.assert(
    fc.property(number, text, fc.boolean(), (said, rest, begins) => {
      const raw = begins ? said + rest : rest;
      const apart = [said, raw].map((written) => ({ raw: written, number: null }));
      expect(numbersIn([{ raw, number: said }])).toEqual(numbersIn(apart));
    }),
    { numRuns: 2_000 },
  );
});
