import { expect, test } from "vitest";
import { numberOf } from "../../src/delivery/trace.ts";

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

test("what a peer writes is compared in one pass", () => {
  const hostile = ["+1", "/TYPE=", " ", "/ ", '"', "tel:", "@<>", "%2B"].map(
    (part) => `1${part.padEnd(60_000, part)}x`,
  );
  const measured = (work: () => unknown): number => {
    const startedMs = performance.now();
    work();
    return performance.now() - startedMs;
  };
  // What a few slow passes over as much text take here and now; comparing every place with every other takes thousands.
  const floorMs = measured(() => {
    for (const text of hostile) for (let pass = 0; pass < 3; pass += 1) [...text].filter((char) => char === "x");
  });
  expect(measured(() => hostile.map((text) => numberOf(text)))).toBeLessThan(floorMs);
});
