import { expect, test } from "vitest";
import { findParameterFault } from "../../src/smtp/parameters.ts";

const numbered = (count: number): string => Array.from({ length: count }, (_, index) => ` X${index}`).join("");
const utf8 = (command: string): string => Buffer.from(command).toString("latin1");

test.each([
  ["MAIL FROM:<a@b>", undefined, undefined],
  ["MAIL FROM:<>", undefined, undefined],
  ["MAIL FROM:<a@b> SIZE=1 BODY=8BITMIME SMTPUTF8", undefined, undefined],
  ["mail from: <a@b>  size=1", undefined, undefined],
  ['MAIL FROM:<"a> SIZE=x"@b> SIZE=1', undefined, undefined],
  ["MAIL FROM:a@b SIZE=1", undefined, undefined],
  ["MAIL FROM:<a@b> AUTH=<>", undefined, undefined],
  ["MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", undefined, undefined],
  ["MAIL FROM:<a@b> AUTH=a=b", "wrong", undefined],
  ["MAIL FROM:<a@b> AUTH=a+zz", "wrong", undefined],
  ["MAIL FROM:<a@b> AUTH", "wrong", undefined],
  ["MAIL FROM:<a@b> AUTH=a+0D+0Ab", "wrong", "wrong"],
  ["MAIL FROM:<a@b> AUTH=<a=+1Bb>", "wrong", "wrong"],
  ["MAIL FROM:<a@b> SIZE=x", "wrong", "wrong"],
  ["MAIL FROM:<a@b> SIZE", "wrong", "wrong"],
  ["MAIL FROM:<a@b> SIZE=", "wrong", "wrong"],
  ["MAIL FROM:<a@b> SIZE=123456789012345678901", "wrong", "wrong"],
  ["MAIL FROM:<a@b> BODY=BINARYMIME", "wrong", "wrong"],
  ["MAIL FROM:<a@b> SMTPUTF8=1", "wrong", "wrong"],
  ["MAIL FROM:<a@b>SIZE=1", "wrong", "wrong"],
  ["MAIL FROM:<a@b> RET=SOME", "wrong", undefined],
  ["MAIL FROM:<a@b> ENVID=a\x01", "wrong", "wrong"],
  ["MAIL FROM:<a@b> XUNKNOWN", "unknown", undefined],
  ["MAIL FROM:<a@b> XUNKNOWN=1 SIZE=x", "wrong", "wrong"],
  ["MAIL FROM:<a@b> NOTIFY=NEVER", "unknown", undefined],
  ["MAIL FROM:<a@b> =1", "wrong", undefined],
  ["MAIL FROM:<a@b> X=1 x=2", "wrong", "wrong"],
  ["RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+40b", undefined, undefined],
  ["RCPT TO:<a@b> NOTIFY=NEVER,DELAY", "wrong", undefined],
  ["RCPT TO:<a@b> ORCPT=a@b", "wrong", undefined],
  ["RCPT TO:<a@b> ORCPT=rfc822;a+0Ab", "wrong", "wrong"],
  // As the connection has them: one character an octet.
  [utf8("RCPT TO:<a@b> ORCPT=utf-8;Дж@d"), "wrong", undefined],
  [utf8("MAIL FROM:<a@b> ENVID=Д AUTH=ж X=Ы"), "wrong", undefined],
  ["RCPT TO:<a@b> ORCPT=rfc822;+D0+94@d", undefined, undefined],
  [utf8("MAIL FROM:<a@b> ENVID=Д\u0085"), "wrong", "wrong"],
  ["MAIL FROM:<a@b> ENVID=+C2+85", "wrong", "wrong"],
  ["MAIL FROM:<a@b> ENVID=+85", "wrong", "wrong"],
  ["MAIL FROM:<a@b> ENVID=\x85", "wrong", "wrong"],
  ["MAIL FROM:<a@b> ENVID=\xe9", "wrong", undefined],
  [utf8("MAIL FROM:<a@b> SIZE=Д"), "wrong", "wrong"],
  ["RCPT TO:<a@b> SIZE=1", "unknown", undefined],
  [`MAIL FROM:<a@b>${numbered(20)}`, "unknown", undefined],
  [`MAIL FROM:<a@b>${numbered(21)}`, "wrong", "wrong"],
  // An address behind what would then be a name only.
  ["RCPT TO:Name <a@evil.example>", "wrong", "wrong"],
  ["RCPT TO:Name a@evil.example", "wrong", "wrong"],
  ['RCPT TO:"Name" <a@evil.example>', "wrong", "wrong"],
  ["RCPT TO:Name NOTIFY=NEVER <a@evil.example>=1", "wrong", "wrong"],
  ["MAIL FROM:<a@b.c> <d@e.f>", "wrong", "wrong"],
  ["MAIL FROM:<a@b.c> <>", "wrong", "wrong"],
  ["MAIL FROM:<a@b.c> TRANSID=<1@b>", "unknown", undefined],
  ["MAIL FROM:<<a@b>>", undefined, undefined],
  ["MAIL", undefined, undefined],
  ["NOOP SIZE=x", undefined, undefined],
])("findParameterFault() takes %j as %s, and of a listed peer as %s", (command, strict, indulgent) => {
  expect([findParameterFault(command, false), findParameterFault(command, true)]).toEqual([strict, indulgent]);
});

test("findParameterFault() takes its time by the length of a line, whatever stands in it", () => {
  /** The least of some: a machine that is busy makes no difference. */
  const work = (command: string): number => Math.min(...[1, 2, 3].map(() => workOnce(command)));
  const workOnce = (command: string): number => {
    const startedMs = performance.now();
    for (let round = 0; round < 200; round++) findParameterFault(command, false);
    return performance.now() - startedMs;
  };
  const long = (piece: string): string => `MAIL FROM:<${piece.repeat(4_000 / piece.length)}`;
  work(long("a"));
  const floorMs = Math.max(work(long("a")), 5);
  for (const piece of ['"', '\\"', '"\\', "> ", "=", "+0", "> A=", '"a" '])
    expect(work(long(piece))).toBeLessThan(floorMs * 50);
});
