/** What is written as nearly all relays write it is read by a shorter way, and as the longer one would read it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readParty, readUsualParty } from "../../src/mm4/address.ts";
import { splitAddresses } from "../../src/mm4/address-list.ts";
import { readAnyDate, readDate } from "../../src/mm4/date.ts";
import { decodeValue } from "../../src/mm4/header.ts";
import { asSaid } from "../../src/mm4/unfold.ts";
import { decodeWords } from "../support/decode-words.ts";

const RUNS = { numRuns: 5_000 };
const digits = (least: number, most: number) =>
  fc.array(fc.constantFrom(..."0123456789"), { minLength: least, maxLength: most }).map((all) => all.join(""));
const twoDigits = (most: number) => fc.nat({ max: most }).map((number) => String(number).padStart(2, "0"));
/** A text in which one character may be another one, or none. */
const spoilt = (text: fc.Arbitrary<string>) =>
  fc
    .tuple(
      text,
      fc.boolean(),
      fc.nat(),
      fc.constantFrom("", " ", "\t", "0", "9", "+", "-", "a", "Z", ":", ".", ",", "é"),
    )
    .map(([whole, spoils, at, put]) => {
      const from = at % (whole.length + 1);
      return spoils ? whole.slice(0, from) + put + whole.slice(from + 1) : whole;
    });

test("a date of the usual form is read as the forms of all dates read it", () => {
  const date = fc
    .tuple(
      fc.constantFrom("Fri", "Mon", "Xyz", "fri"),
      twoDigits(33),
      fc.constantFrom("Jan", "Feb", "Apr", "Sep", "Dec", "Sept", "feb", "Xyz"),
      digits(4, 4),
      fc.tuple(twoDigits(25), twoDigits(61), twoDigits(62)).map((time) => time.join(":")),
      fc.tuple(fc.constantFrom("+", "-"), twoDigits(25), twoDigits(61)).map((zone) => zone.join("")),
    )
    .map(([weekday, day, month, year, time, zone]) => `${weekday}, ${day} ${month} ${year} ${time} ${zone}`);
  const seen = new Set<string>();
  fc.assert(
    fc.property(spoilt(date), (written) => {
      const read = readDate(written);
      expect(read).toEqual(readAnyDate(written));
      seen.add(`${read.at === null} ${read.warning}`);
    }),
    RUNS,
  );
  expect([...seen]).toEqual(expect.arrayContaining(["false null", "true unparsable-date"]));
});

test("an address of the usual form is read as any other, whatever the peer's rules", () => {
  const address = fc
    .tuple(
      fc.constantFrom("+", "+", ""),
      digits(5, 17),
      fc.constantFrom("/TYPE=PLMN", "/TYPE=PLMN", "/type=plmn", "/TYPE=IPv4", "/TYPE=PLMN.", "/TYPE =PLMN", ""),
      fc.constantFrom("@", "@", "@", " @", ""),
      fc.constantFrom(
        "mms.example.net",
        "MMS.Example.net",
        "a",
        "a-b.c",
        "a..b",
        "example.net.",
        "-a",
        "a,b",
        "[1.2.3.4]",
      ),
    )
    .map((parts) => parts.join(""));
  const rules = fc.record({
    nanp: fc.boolean(),
    internationalPrefixes: fc.subarray(["00", "011", "1", "12"]),
  });
  let usual = 0;
  fc.assert(
    fc.property(spoilt(address), rules, (field, peer) => {
      const read = readUsualParty(field);
      if (read === null) return;
      usual += 1;
      expect(splitAddresses(field)).toEqual({ addresses: [field], withoutCommas: false });
      const said = decodeValue(asSaid(field), decodeWords);
      expect(said).toEqual({ value: field, warnings: [] });
      expect({ party: read, warnings: [] }).toEqual(readParty(said.value, peer));
    }),
    RUNS,
  );
  expect(usual).toBeGreaterThan(100);
});
