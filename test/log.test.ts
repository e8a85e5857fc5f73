import { expect, test } from "vitest";
import { maskNumbers } from "../src/delivery/masking.ts";
import { readParty } from "../src/mm4/address.ts";

const parties = [readParty("+12025550100/TYPE=PLMN").party, readParty("12025550199 <12025550199@x>").party];

test.each([
  ["+12025550100", "+*******0100"],
  ["+12025550100/TYPE=PLMN", "+*******0100/TYPE=PLMN"],
  ["mm-12025550199-1@mmsc", "mm-*******0199-1@mmsc"],
  ["id+12025550177@mmsc", "id+*******0177@mmsc"],
  ["1700000000123", "1700000000123"],
  ["55501", "55501"],
])("maskNumbers() makes %s %s", (text, masked) => {
  expect(maskNumbers(text, parties)).toBe(masked);
});
