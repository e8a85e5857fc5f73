/** What masks look up in a short way is what the tree of digits finds in the whole text. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { knownDigits, placesOfKnown } from "../../src/text/known-digits.ts";
import { numberMask } from "../../src/text/masking.ts";

const digit = fc.constantFrom("0", "1", "2");
const digits = fc.string({ unit: digit, minLength: 5, maxLength: 12 });
const between = fc.constantFrom("", "", "", "", " ", "-", " (", ") ", "...", "x", "\n");
/** Digits of two or three kinds alone, so that numbers overlap and are found within each other. */
const written = fc.array(fc.tuple(digit, between), { maxLength: 60 }).map((parts) => parts.flat().join(""));
const parties = fc.array(fc.oneof(digits, written), { maxLength: 12 });

/** By the definition: of each number, wherever its digits stand, all but the last four. */
function maskPlainly(numbers: readonly string[], text: string): string {
  const known = new Set(
    numbers.flatMap((number) => [
      ...(number.match(/\d(?:[ ().-]{0,2}\d){6,}/g) ?? []).map((one) => one.replace(/\D/g, "")),
      ...(number.match(/\d{7,}/g) ?? []),
    ]),
  );
  const places = new Set(placesOfKnown(text, knownDigits(known), 4));
  return [...text].map((char, at) => (places.has(at) ? "*" : char)).join("");
}

test("numberMask() hides what the tree of all numbers finds in the whole text, and nothing else", () => {
  fc.assert(
    fc.property(parties, fc.array(fc.oneof(written, digits)), (numbers, texts) => {
      const mask = numberMask(numbers.map((raw) => ({ raw, number: null })));
      for (const text of [...texts, ...numbers, numbers.join(" "), `${numbers[0]}7`]) {
        expect(mask(text)).toBe(maskPlainly(numbers, text));
      }
    }),
    { numRuns: 2_000 },
  );
});
