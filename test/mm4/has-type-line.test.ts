import { expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { hasTypeLine } from "../../src/mm4/has-type-line.ts";

const has = (text: string): boolean => hasTypeLine(Buffer.from(text, "latin1"));
const LINE = "X-Mms-Message-Type: MM4_delivery_report.REQ\r\n";

test.each([
  LINE,
  `\r\n${LINE}`,
  `Subject: fwd\r\n\r\n${LINE.toUpperCase()}`,
  `Subject: fwd\n\n> ${LINE}`,
  `Subject: fwd\r\n\t${LINE}`,
  "a\r\n\r\nx-mms-message-type : x",
  `${"x".repeat(BOUNDS.typeLookedFor.value - LINE.length - 2)}\r\n${LINE}`,
])("%#: a type is found wherever its line stands", (text) => {
  expect(has(text)).toBe(true);
});

test.each([
  "",
  "Subject: X-Mms-Message-Type: MM4_delivery_report.REQ",
  "Subject: fwd\r\n\r\nThe field X-Mms-Message-Type is missing\r\n",
  "X-Mms-Message-Type",
  `${"x".repeat(BOUNDS.typeLookedFor.value)}\r\n${LINE}`,
  "Y-X-Mms-Message-Type: x",
])("%#: what names it in a line, or stands beyond reach, is none", (text) => {
  expect(has(text)).toBe(false);
});
