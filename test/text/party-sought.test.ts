import { expect, test } from "vitest";
import { readPartySought } from "../../src/text/party-sought.ts";
import { faultOf, SHORTER } from "../support/linear.ts";

test.each([
  "+12025550155",
  "12025550155",
  "+1 (202) 555-0155",
  " 001 202 555 0155 ",
  "01112025550155",
  "<+12025550155>",
  "tel:+1-202-555-0155",
  "+12025550155/TYPE=PLMN",
  "+12025550155/TYPE=PLMN@mms.example.net",
  "+12025550155@mms.example.net",
])("a number is read as people and logs write it: %s", (written) => {
  const kim = readPartySought(written);
  expect(kim?.shown).toBe("12025550155");
  for (const text of [
    "+12025550155/TYPE=PLMN@x",
    "From: 2025550155",
    "0012025550155",
    "+1 202.555.0155",
    "(202) 555-0155",
    '"raw":"+12025550155"',
    "From: +1202\r\n 5550155",
    JSON.stringify("From: +1202\r\n 5550155"),
    "%2B12025550155",
    "=2B1202555=\r\n0155",
    "mm-12025550155-7",
    "470 12025550155",
  ]) {
    expect([text, kim?.mentions(text)]).toEqual([text, true]);
    expect(kim?.without(text)).toHaveLength(text.length);
    expect(kim?.mentions(kim.without(text))).toBe(false);
  }
  for (const text of [
    "+12025550156",
    "112025550155",
    "120255501551",
    "+4412025550155",
    "5550155",
    "202-555-0199",
    "",
  ]) {
    expect([text, kim?.mentions(text)]).toEqual([text, false]);
  }
});

test("of other countries a number is found as it is written within", () => {
  expect(readPartySought("+447700900123")?.mentions("07700 900123")).toBe(true);
  expect(readPartySought("+447700900123")?.mentions("0770090012")).toBe(false);
  expect(readPartySought("+353851234567")?.mentions("0851234567/TYPE=PLMN")).toBe(true);
  expect(readPartySought("+79161234567")?.mentions("09161234567")).toBe(true);
});

test.each([
  ["+12025550155", ["+44 20 2555 0155", "+44-2025550155", "+20 2 555 0155", "+2025550155", "%2B2025550155"]],
  [
    "+12025550155",
    ["0044 20 2555 0155", "00 20 2 555 0155", "011 44 (20) 2555-0155", "(0)202 5550155", "012025550155"],
  ],
  [
    "+14792123456",
    ["+4792123456", "+47 92 12 34 56", "=2B4792123456", "+47=\r\n92123456", "004792123456", "04792123456"],
  ],
  ["+4792123456", ["+1 (479) 212-3456", "+1-479-212-3456", "+14792123456", "04792123456", "1 (479) 212-3456"]],
  ["+4792123456", ["001 479 212 3456", "(0)4792123456", JSON.stringify("+1\r\n 4792123456")]],
  [
    "+447700900123",
    ["+07700900123", "+99 07700900123", "0099 07700900123", "+0099 07700900123", "+997700900123", "7700900123"],
  ],
  ["+16581234567", ["+6581234567", "+65 8123 4567"]],
])("of %s nothing is seen in another number that holds its digits: %j", (number, others) => {
  const party = readPartySought(number);
  for (const text of others) expect([text, party?.mentions(text), party?.without(text)]).toEqual([text, false, text]);
});

test.each([
  [
    "+12025550155",
    ["10:00 2025550155", "Date: 30 Nov 2026 04:00:00 +0000\r\n\r\n12025550155", "+12025550156 2025550155"],
  ],
  ["+12025550155", ["0012025550155", "011 1 202 555 0155", "1-202-555-0155", "470 2025550155", "550 +12025550155"]],
  [
    "+4792123456",
    [
      "+47 92 12 34 56",
      "004792123456",
      "011 47 92123456",
      "4792123456",
      "470 4792123456",
      "X-Priority: 1\r\n\r\n4792123456",
    ],
  ],
  [
    "+447700900123",
    ["+44 (0) 7700 900123", "+44(0)7700900123", "+4407700900123", "0044 7700 900123", "(07700) 900123"],
  ],
  ["+390612345678", ["06 1234 5678", "+39 06 12345678", "0039 0612345678"]],
])("of %s all is seen that is certain, and what may be its own: %j", (number, texts) => {
  const party = readPartySought(number);
  for (const text of texts) expect([text, party?.mentions(text)]).toEqual([text, true]);
});

test("an address is found as a whole, in any case", () => {
  const kim = readPartySought("mailto:Kim.Doe@example.net");
  for (const text of ["kim.doe@example.net", "<KIM.DOE@EXAMPLE.NET>", "to kim.doe@example.net."])
    expect([text, kim?.mentions(text)]).toEqual([text, true]);
  for (const text of [
    "akim.doe@example.net",
    "kim.doe@example.net.org",
    "x+kim.doe@example.net",
    "kimxdoe@example.net",
  ])
    expect([text, kim?.mentions(text)]).toEqual([text, false]);
});

test.each(["", "470", "123456", "1234567890123456", "kim", "*", "+", "@", "a b@c", "+1202555*"])(
  "what names nobody is refused: %j",
  (written) => expect(readPartySought(written)).toBeUndefined(),
);

test("looking for one takes time that grows no faster than the text, whatever a peer wrote", async () => {
  const [number, abroad] = [readPartySought("+12025550155"), readPartySought("+447700900123")];
  const address = readPartySought("kim.doe@example.net");
  for (const piece of [
    "+",
    "+1 ",
    "+44 (0",
    "00 ",
    "4 4 0 ",
    "=2B",
    "1",
    "1 ",
    "0",
    "120255501",
    "1 2 0 2 5 5 5 0 1 ",
    "=\r\n",
    "\\n",
    "(",
    "kim.doe@",
    "k.",
    "-",
  ]) {
    const of = (size: number) => {
      const text = piece.repeat(Math.ceil(size / piece.length));
      return {
        size,
        work: () => [number?.mentions(text), number?.without(text), abroad?.mentions(text), address?.mentions(text)],
      };
    };
    expect([piece, await faultOf(of(64_000), () => of(64_000 / SHORTER), 1_500)]).toEqual([piece, null]);
  }
});
