import { expect, test } from "vitest";
import { readParty } from "../../src/mm4/address.ts";
import { maskHeader } from "../../src/text/mask-header.ts";

const parties = [readParty("+12025550100/TYPE=PLMN").party, readParty("12025550199 <12025550199@x>").party];

test("maskHeader() leaves ids alone but for the numbers of parties, those that the header names among them", () => {
  const header =
    "From: 202 555 0166\r\n\tfolded\r\nX-Mms-Message-ID: 17000000001\r\nX-Note: 12025550166\r\nDate: 24 Nov 2026";
  expect(maskHeader(header, parties)).toBe(
    "From: *** *** 0166\r\n\tfolded\r\nX-Mms-Message-ID: 17000000001\r\nX-Note: *******0166\r\nDate: 24 Nov 2026",
  );
  const itself = `${header}\r\nMessage-ID: <2025550166.17000000001@x>`;
  expect(maskHeader(itself, [])).toContain("X-Mms-Message-ID: 17000000001\r\n");
  expect(maskHeader(itself, [])).toContain("Message-ID: <******0166.17000000001@x>");
});

test("maskHeader() leaves the IP addresses of relays, and masks numbers beside them", () => {
  const header = "Received: from x (203.0.113.250 [192.168.100.200])\r\n\tby y for 12025550166; X-Note: 12.34.56.78";
  expect(maskHeader(header, [])).toBe(
    "Received: from x (203.0.113.250 [192.168.100.200])\r\n\tby y for *******0166; X-Note: 12.34.56.78",
  );
  expect(maskHeader("X-Note: 12.34.56.78", [])).toBe("X-Note: **.**.56.78");
});
