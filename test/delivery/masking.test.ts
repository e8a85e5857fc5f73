import { expect, test } from "vitest";
import { maskAllNumbers, maskEvent, maskHeader, numberMask } from "../../src/delivery/masking.ts";
import { readParty } from "../../src/mm4/address.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const parties = [readParty("+12025550100/TYPE=PLMN").party, readParty("12025550199 <12025550199@x>").party];

test.each([
  ["+12025550100", "+*******0100"],
  ["+12025550100/TYPE=PLMN", "+*******0100/TYPE=PLMN"],
  ["mm-12025550199-1@mmsc", "mm-*******0199-1@mmsc"],
  ["id+12025550177@mmsc", "id+*******0177@mmsc"],
  ["+1 (202) 555-0177", "+* (***) ***-0177"],
  ["1700000000123", "1700000000123"],
  ["55501", "55501"],
])("numberMask() makes %s %s", (text, masked) => {
  expect(numberMask(parties)(text)).toBe(masked);
});

test.each([
  ["call 202-555-0177 or 2025550178", "call ***-***-0177 or ******0178"],
  ["(202) 555.0177", "(***) ***.0177"],
  ["code 470, 24 Nov 2026", "code 470, 24 Nov 2026"],
])("maskAllNumbers() makes %s %s", (text, masked) => {
  expect(maskAllNumbers(text)).toBe(masked);
});

test("maskHeader() leaves ids alone where the parties are known, and not where they are not", () => {
  const header =
    "From: 202 555 0166\r\n\tfolded\r\nX-Mms-Message-ID: 17000000001\r\nX-Note: 12025550166\r\nDate: 24 Nov 2026";
  expect(maskHeader(header, parties)).toBe(
    "From: *** *** 0166\r\n\tfolded\r\nX-Mms-Message-ID: 17000000001\r\nX-Note: *******0166\r\nDate: 24 Nov 2026",
  );
  expect(maskHeader(header, [])).toContain("X-Mms-Message-ID: *******0001");
});

test("maskEvent() changes texts only: a code that is the recipient's number stays a number", () => {
  const fields = {
    From: "2025550100",
    "X-Internal-Status-Code": "2025550100",
    "X-Mms-MM-Status-Code": "Rejected",
    "X-Mms-Status-Text": "no such subscriber 12025550166",
  };
  const event = eventOf(deliveryReport(fields), { nanp: true });
  const masked = maskEvent(event);
  expect(masked.data.reason?.code).toBe(2_025_550_100);
  expect(masked.data.recipient?.number).toMatch(/^[+*]+0100$/);
  expect(masked.data.raw.statusText).toBe("no such subscriber *******0166");
  expect(masked.data.raw.from).toBe("******0100");
  expect(JSON.stringify({ ...masked, data: { ...masked.data, reason: null } })).not.toMatch(/202555/);
  expect(masked.id).toBe(event.id);
});
