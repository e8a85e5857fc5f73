import { expect, test } from "vitest";
import { numberOf, numbersSought } from "../../src/trace/note.ts";

test.each([
  "+12025550155",
  "12025550155",
  "+1 (202) 555-0155",
  "+12025550155/TYPE=PLMN",
  "12025550155/TYPE=PLMN",
  " +12025550155/type=plmn ",
  "+12025550155 /TYPE=PLMN",
  "+12025550155/TYPE=PLMN@mms.carrier.example",
  "+12025550155@mms.carrier.example",
  "<+12025550155/TYPE=PLMN@mms.carrier.example>",
  "12025550155 <12025550155/TYPE=PLMN>",
  '"+12025550155/TYPE=PLMN"',
  '"+12025550155"@mms.carrier.example',
  "tel:+12025550155",
  "%2B12025550155/TYPE=PLMN",
])("%s names the recipient by its digits", (written) => {
  expect(numberOf(written)).toBe("12025550155");
});

test.each([
  ["John.2005@Carrier.example", "john.2005@carrier.example"],
  ["4you@carrier.example", "4you@carrier.example"],
  ["PostMaster", "postmaster"],
  ["192.0.2.1/TYPE=IPv4", "192.0.2.1/type=ipv4"],
  ["@", "@"],
  ["-", "-"],
  ["", ""],
])("%j is no number: it is compared whole", (written, wanted) => {
  expect(numberOf(written)).toBe(wanted);
});

test.each([
  ["0012025550155/TYPE=PLMN", ["0012025550155", "12025550155"]],
  ["01112025550155", ["01112025550155", "12025550155"]],
  ["+12025550155", ["12025550155"]],
  ["0049", ["0049"]],
  ["PostMaster", ["postmaster"]],
])("%s is looked for with and without an international prefix: %j", (written, wanted) => {
  expect(numbersSought(written)).toEqual(wanted);
});

test("what a peer writes is compared in one pass", () => {
  const parts = ["+1", "/TYPE=", " ", "/ ", '"', "tel:", "@<>", "%2B"];
  const hostile = parts.map((part) => `1${part.padEnd(60_000, part)}x`);
  // A plain scan of as much text, here and now. Comparing every place with every other costs thousands of it.
  const floorMs = fastest(() => [...(hostile[0] ?? "")].filter((char) => char === "x"));
  for (const text of hostile) {
    const ratio = fastest(() => numberOf(text)) / floorMs;
    expect(ratio, text.slice(0, 12)).toBeLessThan(100);
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
