import { expect, test } from "vitest";
import { readDate } from "../../src/mm4/date.ts";

test.each([
  ["Fri, 02 Jan 2026 03:04:05 +0000", "2026-01-02T03:04:05.000Z", null],
  ["Fri, 2 Jan 2026 03:04:05 -0500 (EST)", "2026-01-02T08:04:05.000Z", null],
  ["2 Jan 2026 03:04 +0530", "2026-01-01T21:34:00.000Z", null],
  ["Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:05.000Z", null],
  ["Wed, 19 Sep 07 10:00:00 CDT", "2007-09-19T15:00:00.000Z", null],
  ["Wed, 19 Sep 99 10:00:00 PST", "1999-09-19T18:00:00.000Z", null],
  ["Fri (a (nested) comment), 02 Jan 2026 03:04:05 +0000", "2026-01-02T03:04:05.000Z", null],
  ["Thu, 31 Dec 2026 23:59:60 +0000", "2027-01-01T00:00:00.000Z", null],
  ["Fri Jan 02 2026 03:04:05 GMT+0200 (Israel Standard Time)", "2026-01-02T01:04:05.000Z", "date-not-rfc5322"],
  ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z", "date-not-rfc5322"],
  ["2026-01-02T03:04:05.123+02:00", "2026-01-02T01:04:05.000Z", "date-not-rfc5322"],
  ["Fri Jan 02 03:04:05 2026", null, "date-without-zone"],
  ["Fri, 02 Jan 2026 03:04:05", null, "date-without-zone"],
  ["Fri, 02 Jan 2026 03:04:05 XYZ", null, "unparsable-date"],
  ["Fri, 31 Feb 2026 03:04:05 +0000", null, "unparsable-date"],
  ["Fri, 02 Jan 2026 24:04:05 +0000", null, "unparsable-date"],
  ["Fri, 02 Jan 2026 03:60:05 +0000", null, "unparsable-date"],
  ["Fri, 02 Jan 2026 03:04:05 +0099", null, "unparsable-date"],
  ["Fri, 02 Foo 2026 03:04:05 +0000", null, "unparsable-date"],
  ["yesterday", null, "unparsable-date"],
  ["", null, "unparsable-date"],
  ["(".repeat(100_000), null, "unparsable-date"],
])("readDate() reads %j as %s", (written, at, warning) => {
  expect(readDate(written)).toEqual({ at, warning });
});
