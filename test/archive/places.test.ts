/** Names of the archive's files and days: made and read. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  dayIn,
  dayOf,
  fatesNamed,
  fatesPath,
  fileNamed,
  nameOfFile,
  packingName,
  packingNamed,
} from "../../src/archive/places.ts";

const FIRST = "2026-11-30T21:43:19.123Z";
const LAST = "2026-11-30T21:44:12.001Z";
/** From 1970 to beyond the year 9999, which a clock of ours or a hand may have set. */
const moment = fc.integer({ min: 0, max: 400_000_000_000_000 });

test("a file's name says when its records were received, and whose segment it is", () => {
  const name = nameOfFile({
    firstMs: Date.parse(FIRST),
    lastMs: Date.parse(LAST),
    process: 2,
    segment: 7,
    mark: "0a1b2c3d",
  });
  expect(name).toBe("20261130T214319123Z-20261130T214412001Z-2-0000000007-0a1b2c3d.archive");
});

test("what a name is made of is read from it", () => {
  const file = fc.record({
    firstMs: moment,
    lastMs: moment,
    process: fc.integer({ min: 1, max: 64 }),
    segment: fc.integer({ min: 1, max: 999_999_999_999_999 }),
    mark: fc.constantFrom("00000000", "0a1b2c3d"),
  });
  fc.assert(
    fc.property(file, (one) => {
      expect(fileNamed(nameOfFile(one))).toEqual(one);
    }),
  );
});

test("a day is that of UTC", () => {
  expect(dayOf(Date.parse("2026-11-30T23:59:59.999Z"))).toBe("2026-11-30");
  expect(dayIn("2026-11-30")).toBe(Date.parse("2026-11-30T00:00:00Z"));
  fc.assert(
    fc.property(moment, (ms) => {
      expect(dayIn(dayOf(ms))).toBe(ms - (ms % 86_400_000));
    }),
  );
});

test("what is in packing/, and what stands beside a segment, is known by its name", () => {
  expect(packingName(12, 7, "fates")).toBe("12-0000000007.fates");
  for (const what of ["journal", "fates"] as const)
    expect(packingNamed(packingName(3, 12, what))).toEqual({ process: 3, segment: 12, what });
  expect(fatesPath("/data/journal", 7)).toBe("/data/journal/0000000007.fates");
  expect(fatesNamed("0000000007.fates")).toBe(7);
});

test.each([
  "2026-02-30",
  "2026-1-01",
  "packing",
  "",
  "0000000007.journal",
  "0-0000000007.journal",
  "1-0000000007.journal.new",
  "20261130T214319123Z-20261130T214412001Z-2-0000000007-0a1b2c3d.archive.new",
  "20261330T214319123Z-20261130T214412001Z-2-0000000007-0a1b2c3d.archive",
])("%j is none of these names", (name) => {
  expect([dayIn(name), fileNamed(name), packingNamed(name), fatesNamed(name)]).toEqual([null, null, null, null]);
});
