import { expect, test } from "vitest";
import { readPartySought } from "../../src/delivery/party-sought.ts";
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
  const [number, address] = [readPartySought("+12025550155"), readPartySought("kim.doe@example.net")];
  for (const piece of ["1", "1 ", "0", "120255501", "1 2 0 2 5 5 5 0 1 ", "=\r\n", "\\n", "(", "kim.doe@", "k.", "-"]) {
    const of = (size: number) => {
      const text = piece.repeat(Math.ceil(size / piece.length));
      return { size, work: () => [number?.mentions(text), number?.without(text), address?.mentions(text)] };
    };
    expect([piece, await faultOf(of(64_000), () => of(64_000 / SHORTER), 1_500)]).toEqual([piece, null]);
  }
});
