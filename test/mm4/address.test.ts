import { expect, test } from "vitest";
import { readParty } from "../../src/mm4/address.ts";
import { splitAddresses } from "../../src/mm4/address-list.ts";

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
  ["12025550100@example.net", "other", null, "example.net"],
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

const NANP = { nanp: true, internationalPrefixes: [] };
const PREFIXES = { nanp: false, internationalPrefixes: ["00", "011", "810"] };

test.each([
  "0012025550100/TYPE=PLMN",
  "07700900123/TYPE=PLMN",
  "07700900123",
  "+0012025550100/TYPE=PLMN",
  "+07700900123/TYPE=PLMN@example.net",
  "+07700900123",
  "00112025550100/TYPE=PLMN@example.net",
  "%2B07700900123@example.net",
  "tel:+07700900123",
  "+0-7700-900123",
  "0202555010/TYPE=PLMN",
])("%s is no number: no country code begins with 0", (raw) => {
  for (const rules of [undefined, NANP])
    expect(readParty(raw, rules).party).toMatchObject({ kind: "other", number: null });
});

test.each([
  ["0012025550100/TYPE=PLMN", "+12025550100"],
  ["0012025550100", "+12025550100"],
  ["01112025550100@example.net", "+12025550100"],
  ["01112025550100/TYPE=PLMN@example.net", "+12025550100"],
  ["81012025550100", "+12025550100"],
  ["+0012025550100/TYPE=PLMN", "+12025550100"],
  // The plus says that it is no prefix.
  ["+81012025550100", "+81012025550100"],
  // What is left must be a whole international number.
  ["07700900123/TYPE=PLMN", null],
  ["0007700900123/TYPE=PLMN", null],
  ["00120255", "00120255"],
  ["001234567890123456", null],
])("a peer's international prefix is taken off: %s → %s", (raw, number) => {
  const { party, warnings } = readParty(raw, PREFIXES);
  expect(party.number).toBe(number);
  expect(warnings.includes("international-prefix-removed")).toBe(number === "+12025550100");
});

test("of several prefixes the longest counts that leaves a whole number", () => {
  const read = (raw: string, ...internationalPrefixes: string[]) =>
    readParty(raw, { nanp: false, internationalPrefixes }).party.number;
  expect(read("00112025550100", "00", "001")).toBe("+12025550100");
  expect(read("001120255", "00", "001")).toBe("+1120255");
});

test.each([
  ["2025550100/TYPE=PLMN", null],
  ["2025550100", null],
  ["2025550100@example.net", "example.net"],
  ["12025550100", null],
  ["12025550100@example.net", "example.net"],
  ["12025550100/TYPE=PLMN@example.net", "example.net"],
])("for a North American peer %s is a number", (raw, domain) => {
  expect(readParty(raw, NANP)).toEqual({
    party: { raw, kind: "e164", number: "+12025550100", domain },
    warnings: ["number-without-plus"],
  });
});

test.each(["1025550100", "11025550100", "22025550100", "202555010", "120255501000"])(
  "for a North American peer %s is none: an area code begins with 2 to 9, and ten digits are ten",
  (raw) => {
    expect(readParty(raw, NANP).party).toMatchObject({ kind: "other", number: null });
  },
);

test.each([
  "+12025550100 /TYPE=PLMN@example.net",
  "+12025550100\t/TYPE=PLMN@example.net",
  "+12025550100/ TYPE = PLMN @ example.net",
  "%2B12025550100@example.net",
  "%2b12025550100%2FTYPE%3DPLMN@example.net",
  "tel:+12025550100@example.net",
  "TEL:+1-202-555-0100@example.net",
  "+1-202-555-0100/TYPE=PLMN@example.net",
  "+12025550100/TYPE=PLMN@example.net;",
  "+12025550100/TYPE=PLMN@example.net.",
])("a number that is certain is read, and that it is unusual is told: %s", (raw) => {
  expect(readParty(raw)).toEqual({
    party: { raw, kind: "e164", number: "+12025550100", domain: "example.net" },
    warnings: ["unusual-address"],
  });
});

const UNREADABLE = [
  "12025550100",
  "2025550100",
  "0012025550100",
  "+1 202 555 0100",
  "+1 (202) 555-0100",
  "1-202-555-0100",
  "202.555.0100",
  "+120255",
  "+1202555010012345",
  "1202555010012345",
  "++12025550100",
  "+12025550100x",
  "x12025550100",
  "12025550100/PLMN",
  "+12025550100/TYPE",
  "+12025550100/TYPE=",
  "+12025550100/TYPE:PLMN",
  "+12025550100;TYPE=PLMN",
  "+12025550100%mmsc.example",
  "=2B12025550100/TYPE=3DPLMN",
  "system-user/TYPE=PLMN",
  "sms:+12025550100",
  "5550100;phone-context=+1",
  "\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15",
  "\u202a+12025550100\u202c",
  "'+12025550100'",
  "123456789",
];
test.each(UNREADABLE)("%s is no mailbox with a domain either", (user) => {
  expect(readParty(user).party).toMatchObject({ kind: "other", number: null });
  expect(readParty(`${user}@example.net`).party).toMatchObject({ kind: "other", number: null });
  expect(readParty(`"${user}"@example.net`).party).toMatchObject({ kind: "other", number: null });
  expect(readParty(`A name <${user}@example.net>`).party).toMatchObject({ kind: "other", number: null });
});

test.each([
  "john2005@example.com",
  "4you@example.com",
  "user+tag@example.com",
  "user+2025@example.com",
  "o2.support@example.com",
  "u12345678@example.com",
  "bounce-4711=abc@example.com",
  "n/a@example.com",
  "a%b@example.com",
  "postmaster@192.0.2.1",
  "postmaster@[IPv6:2001:db8::1]",
  "order-1234567890@shop.example",
  "1234567890-orders@shop.example",
  "order1234567890@shop.example",
  "uuid-550e8400-e29b-41d4-a716-446655440000@example.com",
  "50%2Foff@example.com",
  '"mms relay"@example.com',
  '"a@b"@example.com',
])("a mailbox with digits in it is one: %s", (raw) => {
  expect(readParty(raw)).toMatchObject({ party: { kind: "email", number: null }, warnings: [] });
});

test.each([
  ["+12025550100/TYPE=PLMN@a.example +12025550101", "+12025550100"],
  ["+12025550100@a.example.12025550101@b.example", "+12025550100"],
  ["+12025550100@a.example/TYPE=PLMN", "+12025550100"],
  ["user@a.example@b.example", null],
  ["+12025550100/TYPE=PLMN@a.example>", "+12025550100"],
  ["+12025550100/TYPE=PLMN@a.example;b", "+12025550100"],
  ["+12025550100/TYPE=PLMN@a.example:25", "+12025550100"],
  ["+12025550100@host=a.example", "+12025550100"],
])("a domain with a blank, an @ or a slash is none: %s", (raw, number) => {
  expect(readParty(raw)).toMatchObject({
    party: { number, domain: null },
    warnings: expect.arrayContaining(["unreadable-domain"]),
  });
});

test.each<[string, readonly string[], boolean]>([
  ['a, "b, c" <d>, <e,f>,, g', ["a", '"b, c" <d>', "<e,f>", "g"], false],
  [" , ", [], false],
  ["", [], false],
  ["+12025550100/TYPE=PLMN.+12025550101/TYPE=PLMN", ["+12025550100/TYPE=PLMN", "+12025550101/TYPE=PLMN"], true],
  ["12025550100/TYPE=PLMN.12025550101/TYPE=PLMN.", ["12025550100/TYPE=PLMN", "12025550101/TYPE=PLMN."], true],
  ["+12025550100@a.example.+12025550101@b.example", ["+12025550100@a.example", "+12025550101@b.example"], true],
  ["+12025550100.+12025550101", ["+12025550100", "+12025550101"], true],
  ["+12025550100/TYPE=PLMN. +12025550101/TYPE=PLMN", ["+12025550100/TYPE=PLMN", "+12025550101/TYPE=PLMN"], true],
  ["+12025550100/TYPE=PLMN; +12025550101/TYPE=PLMN", ["+12025550100/TYPE=PLMN", "+12025550101/TYPE=PLMN"], true],
  ["+12025550100;+12025550101;", ["+12025550100", "+12025550101;"], true],
  ["55501;55502", ["55501", "55502"], true],
  ["a@x.example;b@y.example", ["a@x.example", "b@y.example"], true],
  ["+12025550100|+12025550101", ["+12025550100", "+12025550101"], true],
  ["+12025550100 +12025550101", ["+12025550100", "+12025550101"], true],
  ["12025550100 12025550101", ["12025550100", "12025550101"], true],
  ["+12025550100/TYPE=PLMN 55501/TYPE=PLMN", ["+12025550100/TYPE=PLMN", "55501/TYPE=PLMN"], true],
  [
    "+12025550100/TYPE=PLMN Ok +12025550101/TYPE=PLMN Ok",
    ["+12025550100/TYPE=PLMN Ok", "+12025550101/TYPE=PLMN Ok"],
    true,
  ],
  [
    "+12025550100/TYPE=PLMN;128;+12025550101/TYPE=PLMN;Ok",
    ["+12025550100/TYPE=PLMN;128", "+12025550101/TYPE=PLMN;Ok"],
    true,
  ],
  ["<+12025550100/TYPE=PLMN> <+12025550101/TYPE=PLMN>", ["<+12025550100/TYPE=PLMN>", "<+12025550101/TYPE=PLMN>"], true],
  ["<+12025550100><+12025550101>", ["<+12025550100>", "<+12025550101>"], true],
  ["<a@x.example>/<b@y.example>", ["<a@x.example>", "/<b@y.example>"], true],
  ['<"a>b"@x.example>:<c@y.example>', ['<"a>b"@x.example>', ":<c@y.example>"], true],
  ['"<a>" <a@x.example>', ['"<a>" <a@x.example>'], false],
  ["<a@x.example> (see <b>)", ["<a@x.example> (see <b>)"], false],
  ["+1 202 555 0100 +1 202 555 0101", ["+1 202 555 0100 +1 202 555 0101"], false],
  ["+12025550100\n+12025550101", ["+12025550100", "+12025550101"], true],
  ["+12025550100/TYPE=PL\nMN@a.example", ["+12025550100/TYPE=PL\nMN@a.example"], false],
  ["a@x.example b@y.example, c@z.example", ["a@x.example", "b@y.example", "c@z.example"], true],
  // One address, however it looks.
  ["12025550100 <12025550100/TYPE=PLMN@a.example>", ["12025550100 <12025550100/TYPE=PLMN@a.example>"], false],
  ["+12025550100/TYPE=PLMN <+12025550100/TYPE=PLMN>", ["+12025550100/TYPE=PLMN <+12025550100/TYPE=PLMN>"], false],
  ["A. B; C <a@x.example>", ["A. B; C <a@x.example>"], false],
  ["+1 202 555 0100", ["+1 202 555 0100"], false],
  ["+1202555 0100/TYPE=PLMN", ["+1202555 0100/TYPE=PLMN"], false],
  ["+12025550100 /TYPE=PLMN @a.example", ["+12025550100 /TYPE=PLMN @a.example"], false],
  ["+12025550100/TYPE=PLMN (b@x.example; c@y.example)", ["+12025550100/TYPE=PLMN (b@x.example; c@y.example)"], false],
  ["system=mmsc.example;party=+12025550100", ["system=mmsc.example;party=+12025550100"], false],
  ["undisclosed-recipients:;", ["undisclosed-recipients:;"], false],
  ["john.12345678901@x.example", ["john.12345678901@x.example"], false],
  ['"+12025550100, +12025550101', ['"+12025550100, +12025550101'], false],
])("splitAddresses() splits %j where two addresses are certain", (list, addresses, withoutCommas) => {
  expect(splitAddresses(list)).toEqual({ addresses, withoutCommas });
});

test("of a list without commas no more is split than is asked for", () => {
  const list = Array.from({ length: 1_000 }, (_, index) => `+1202555${1_000 + index}`);
  expect(splitAddresses(list.join(" "), 3)).toEqual({ addresses: list.slice(0, 3), withoutCommas: true });
  expect(splitAddresses(list.join(" "), 1)).toEqual({ addresses: list.slice(0, 1), withoutCommas: true });
});

test("what a peer writes is read in one pass", () => {
  const parts = ["+1 ", "1 ", " ", "/TYPE=", "/ ", "@", ".+1", "<", "<>", "(", '"', ";", "1-", "%2B", "a@b ", "=", "."];
  const hostile = parts.map((part) => `+1${part.padEnd(60_000, part)}x`);
  // A plain scan of as much text, here and now. Splitting costs tens of it; comparing every place with every other, thousands.
  const floorMs = fastest(() => [...(hostile[0] ?? "")].filter((char) => char === "x"));
  for (const text of hostile) {
    const ratio = fastest(() => [readParty(text), splitAddresses(text)]) / floorMs;
    expect(ratio, text.slice(0, 12)).toBeLessThan(400);
  }
});

/** In ms. The fastest of some: whatever else the machine does makes none of them faster. */
function fastest(work: () => unknown): number {
  const runs = Array.from({ length: 5 }, () => {
    const startedMs = performance.now();
    work();
    return performance.now() - startedMs;
  });
  return Math.min(...runs);
}
