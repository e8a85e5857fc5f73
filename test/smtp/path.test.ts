import fc from "fast-check";
import { expect, test } from "vitest";
import { tidyCommand } from "../../src/smtp/command.ts";
import { pathOctets, readPath, splitAddress, splitAddressCommand } from "../../src/smtp/path.ts";

test.each<[string, string, string, string]>([
  ["MAIL FROM:<a@b> SIZE=1", "MAIL FROM", "<a@b>", " SIZE=1"],
  ['mail from : <"a> @b"@c>\tX', "MAIL FROM", '<"a> @b"@c>', "\tX"],
  ['RCPT TO:<O"Brien@b>', "RCPT TO", '<O"Brien@b>', ""],
  ['RCPT TO:"a b"@c NOTIFY=NEVER', "RCPT TO", '"a b"@c', " NOTIFY=NEVER"],
  ["RCPT TO:a@b", "RCPT TO", "a@b", ""],
  ["MAIL  FROM:<>", "MAIL  FROM", "<>", ""],
  ["MAIL FROM:<>", "MAIL FROM", "<>", ""],
])("splitAddressCommand() finds the path: %s", (command, name, path, behind) => {
  expect(splitAddressCommand(command)).toEqual({ name, path, behind });
});

test.each(["MAIL", "MAIL FROM", "MAIL FROM:", "MAIL FROM:<a@b", "MAIL FROM:<<a@b>>", "NOOP x:<y>"])(
  "splitAddressCommand() finds none: %s",
  (command) => expect(splitAddressCommand(command)).toBeUndefined(),
);

test.each<[string, string | undefined, string | undefined]>([
  // path, for anybody, for a listed peer
  ["<a@b>", "a@b", "a@b"],
  ["<>", "", ""],
  ["<a>", undefined, "a"],
  ["a@b", undefined, "a@b"],
  ["<postMaster>", "postMaster", "postMaster"],
  ["< a@b\t>", undefined, "a@b"],
  ["<@r,@s.example:a@b>", "a@b", "a@b"],
  ['<"a b"@c>', '"a b"@c', '"a b"@c'],
  ['<"a\\"@\\\\"@c>', '"a\\"@\\\\"@c', '"a\\"@\\\\"@c'],
  ['<x."a b".y@c>', 'x."a b".y@c', 'x."a b".y@c'],
  ['<"a@b">', undefined, '"a@b"'],
  ['<O"Brien@b>', 'O"Brien@b', 'O"Brien@b'],
  ["<a b@c>", undefined, undefined],
  ['<"a" b@c>', undefined, undefined],
  ["<a@b@c>", undefined, undefined],
  ["<@c>", undefined, undefined],
  ["<a@>", undefined, undefined],
  ['<"a\tb"@c>', undefined, undefined],
  ["<a\u200bb@c>", undefined, undefined],
  // None of these is the null sender.
  ['<"">', undefined, undefined],
  ["<@a:>", undefined, undefined],
  ["@a:", undefined, undefined],
  ["< >", undefined, ""],
  ['<""@c>', '""@c', '""@c'],
  ...['a@b"', "a@b,c", "a@b;"].map((path): [string, undefined, undefined] => [`<${path}>`, undefined, undefined]),
  ["a@b,", undefined, undefined],
  ["<+12025550101/TYPE=PLMN@[192.0.2.1]>", "+12025550101/TYPE=PLMN@[192.0.2.1]", "+12025550101/TYPE=PLMN@[192.0.2.1]"],
  ["<jörg@c>", "jörg@c", "jörg@c"],
])("readPath(): %j", (path, strict, indulgent) => {
  expect([readPath(path, false), readPath(path, true)]).toEqual([strict, indulgent]);
});

test.each<[string, string, string | null]>([
  ["a@b", "a", "b"],
  ['"a@b"@c', '"a@b"', "c"],
  ['"a\\"@b"@c', '"a\\"@b"', "c"],
  ['"a@b"', '"a@b"', null],
  ['"a@b', '"a', "b"],
  ["a", "a", null],
])("splitAddress() takes what is behind the @ outside of quotes: %s", (address, local, domain) => {
  expect(splitAddress(address)).toEqual({ local, domain });
});

test("pathOctets() counts angle brackets, written or not", () => {
  expect([pathOctets("<a@b>"), pathOctets("a@b")]).toEqual([5, 5]);
});

test.each([
  ["EHLO mms gateway 1", "EHLO mms"],
  ["\t ehlo\tgw  x ", "ehlo gw"],
  ["EHLO", "EHLO"],
  ["MAIL\tFROM : <a b> ", "MAIL FROM : <a b>"],
  ["RCPT   TO:<a@b>\t", "RCPT TO:<a@b>"],
  ["NOOP \u00a0", "NOOP \u00a0"],
  ["", ""],
])("tidyCommand(): %j", (line, tidy) => expect(tidyCommand(line)).toBe(tidy));

test("tidyCommand() leaves a line as it is only where there is nothing to tidy", () => {
  const piece = fc.constantFrom("EHLO", "helo", "MAIL", "FROM:", "<a@b>", " ", "  ", "\t", "\xa0", "\r", "a");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const line = pieces.join("");
      // With a blank before it, which is left out, no line is taken for one that is tidy.
      expect(tidyCommand(line)).toBe(tidyCommand(` ${line}`));
    }),
    { numRuns: 5_000 },
  );
});

test("splitAddress() takes quotes for what they are only where there are any", () => {
  const piece = fc.constantFrom("a", "@", "\\", "b.c");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const domain = pieces.join("");
      // Behind a quoted pair, the address is split where it is without.
      const { local, domain: behind } = splitAddress(`""${domain}`);
      expect(splitAddress(domain)).toEqual({ local: local.slice(2), domain: behind });
    }),
    { numRuns: 5_000 },
  );
});
