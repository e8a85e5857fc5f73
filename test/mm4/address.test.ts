import { expect, test } from "vitest";
import { readParty, splitAddresses } from "../../src/mm4/address.ts";

test.each([
  ["+12025550100/TYPE=PLMN", "e164", "+12025550100", null],
  ["+12025550100", "e164", "+12025550100", null],
  ["+12025550100/TYPE=PLMN@MMS.Example.net", "e164", "+12025550100", "mms.example.net"],
  ["+12025550100/type=plmn", "e164", "+12025550100", null],
  ["12025550100/TYPE=PLMN@mms.example.net", "e164", "+12025550100", "mms.example.net"],
  ["12025550100 <12025550100/TYPE=PLMN@mms.example.net>", "e164", "+12025550100", "mms.example.net"],
  ['"A, B" <+12025550100@example.net>', "e164", "+12025550100", "example.net"],
  ['"+12025550100/TYPE=PLMN"@example.net', "e164", "+12025550100", "example.net"],
  ["12025550100", "other", null, null],
  ["12025550100@example.net", "email", null, "example.net"],
  ["2025550100/TYPE=PLMN@example.net", "other", null, "example.net"],
  ["2025550100@example.net", "other", null, "example.net"],
  ["55501", "shortcode", "55501", null],
  ["555010/TYPE=PLMN", "shortcode", "555010", null],
  ["55501@example.net", "shortcode", "55501", "example.net"],
  ["+555010", "other", null, null],
  ["+1234567890123456", "other", null, null],
  ["192.0.2.1/TYPE=IPv4", "other", null, null],
  ["12025550100/TYPE=IPv4", "other", null, null],
  ["2001:db8::1/TYPE=IPv6@example.net", "other", null, "example.net"],
  ["user@Example.net", "email", null, "example.net"],
  ["PostMaster", "other", null, null],
  ["system-user", "other", null, null],
  ["system=mmsc.example.net;party=+12025550100", "other", null, null],
  ["", "other", null, null],
])("readParty() reads %j as %s", (raw, kind, number, domain) => {
  expect(readParty(raw).party).toEqual({ raw, kind, number, domain });
});

test("readParty() reads ten digits as North American only for a peer that is", () => {
  expect(readParty("2025550100/TYPE=PLMN", true)).toEqual({
    party: { raw: "2025550100/TYPE=PLMN", kind: "e164", number: "+12025550100", domain: null },
    withoutPlus: true,
  });
});

test("splitAddresses() splits at commas outside quotes and angle brackets", () => {
  expect(splitAddresses('a, "b, c" <d>, <e,f>,, g')).toEqual(["a", '"b, c" <d>', "<e,f>", "g"]);
  expect(splitAddresses(" , ")).toEqual([]);
});
