import { describe, expect, test } from "vitest";
import { BANDWIDTH_CODES } from "../../src/catalogue/bandwidth.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { EXCEPTIONS, FAMILIES } from "../../src/catalogue/families.ts";
import { TABLE } from "./bandwidth-table.ts";

const { entries: CATALOGUE, findCode } = createCatalogue();

test("the 63 codes have the exact number, name, fault and reporter of Bandwidth's table", () => {
  expect(
    BANDWIDTH_CODES.map(({ code, name, fault, reportedBy, documented }) => ({
      code,
      name,
      fault,
      reportedBy,
      documented,
    })),
  ).toEqual(TABLE);
  expect(TABLE.length).toBe(63);
});

test("the catalogue is in numeric order, each code once, and nothing is left empty", () => {
  const codes = CATALOGUE.map(({ code }) => code);
  expect(codes).toEqual([...new Set(codes)].sort((a, b) => a - b));
  for (const { code, name, explanation, remedy, source, known } of CATALOGUE) {
    expect([code, name !== "", explanation.length > 20, remedy.length > 20, source !== "", known]).toEqual([
      code,
      true,
      true,
      true,
      true,
      true,
    ]);
  }
});

test("every further code of protocol.md §8 is listed", () => {
  const further = [
    0, 106, 187, 188, 189, 300, 360, 434, 476, 481, 482, 493, 501, 610, 630, 701, 702, 710, 711, 721, 730, 735, 751,
    752, 753, 754, 771, 772, 773, 774, 780, 781, 785, 790, 791, 792, 793, 794, 795,
  ];
  for (const code of further)
    expect([code, findCode(code).known, findCode(code).documented]).toEqual([code, true, false]);
});

describe("protocol.md §9b, each code alone", () => {
  test.each([
    [2, "buffered", "deferred", null, false],
    [100, "soft", "failed", null, true],
    [150, "soft", "failed", null, true],
    [187, "hard", "rejected", "bandwidth", false],
    [201, "retries-exceeded", "expired", null, true],
    [211, "soft", "failed", null, true],
    [220, "soft", "failed", null, true],
    [231, "hard", "failed", null, true],
    [242, "hard", "failed", null, false],
    [500, "soft", "failed", null, true],
    [1, "hard", "rejected", "bandwidth", false],
    [301, "hard", "rejected", "bandwidth", false],
    [470, "hard", "rejected", "bandwidth", false],
    [600, "carrier-service", "failed", "carrier", true],
    [620, "carrier-service", "failed", "carrier", true],
    [650, "carrier-service", "failed", "carrier", true],
    [750, "hard", "rejected", "carrier", false],
    [902, "receipt", "indeterminate", null, false],
    [999, "ambiguous", "failed", null, true],
  ])("%i is %s: %s by %s, retryable %s", (code, codeClass, outcome, rejectedBy, retryable) => {
    expect(findCode(code)).toMatchObject({ class: codeClass, outcome, rejectedBy, retryable });
  });
});

test("an opt-out is suppressed, and nothing else is", () => {
  expect(
    CATALOGUE.filter(({ suppress }) => suppress).map(({ code, tag, retryable }) => [code, tag, retryable]),
  ).toEqual([
    [475, "opt-out", false],
    [775, "opt-out", false],
  ]);
});

test("tags name spam and the missing receipt", () => {
  const tagged = (wanted: string) => CATALOGUE.filter(({ tag }) => tag === wanted).map(({ code }) => code);
  expect(tagged("spam")).toEqual([187, 188, 189, 470, 770]);
  expect(tagged("receipt-timeout")).toEqual([902]);
});

test("a carrier's service fault may be tried once more, Bandwidth's own freely, a refusal never", () => {
  expect(CATALOGUE.filter(({ maxRetries }) => maxRetries === 1).map(({ code }) => code)).toEqual([
    600, 610, 620, 630, 650, 999,
  ]);
  for (const { code, retryable, maxRetries, fault } of CATALOGUE) {
    expect([code, retryable]).toEqual([code, maxRetries !== 0]);
    if (fault === "client") expect([code, retryable]).toEqual([code, false]);
  }
});

test("HTTP codes are the code plus its family's thousands, where there is a counterpart", () => {
  for (const [code, httpCode] of [
    [1, 4001],
    [100, 5100],
    [101, 5101],
    [111, 5111],
    [201, 5201],
    [470, 4470],
    [475, 4475],
    [600, 5600],
    [775, 4775],
    [902, 9902],
    [999, 9999],
    [106, 5106],
    [434, 4434],
  ] as const) {
    expect([code, findCode(code).httpCode]).toEqual([code, httpCode]);
  }
  const without = BANDWIDTH_CODES.filter(({ code }) => findCode(code).httpCode === null).map(({ code }) => code);
  expect(without).toEqual([2, 112, 113, 114, 115, 116, 130, 140, 141, 150, 242, 304, 305, 306, 352, 402]);
});

test("an unlisted number is explained by its hundreds, and one outside every range is not judged", () => {
  expect(findCode(199)).toMatchObject({
    known: false,
    class: "soft",
    fault: "service",
    reportedBy: "bandwidth",
    retryable: true,
  });
  expect(findCode(499)).toMatchObject({ known: false, class: "hard", fault: "client", reportedBy: "bandwidth" });
  expect(findCode(666)).toMatchObject({ known: false, class: "carrier-service", reportedBy: "carrier", maxRetries: 1 });
  expect(findCode(799)).toMatchObject({ known: false, class: "hard", reportedBy: "carrier" });
  expect(findCode(998)).toMatchObject({ known: false, class: "ambiguous", fault: "ambiguous", reportedBy: null });
  for (const code of [3, 99, 800, 888, 1000, 123456]) {
    const entry = findCode(code);
    expect(entry).toMatchObject({ code, known: false, class: "out-of-range", outcome: null, fault: null });
    expect(entry.explanation.length * entry.remedy.length).toBeGreaterThan(0);
  }
});

test("5999 is Bandwidth's own fault, 9999 the carrier's", () => {
  expect(findCode(999, 5999)).toMatchObject({ code: 999, httpCode: 5999, fault: "service", reportedBy: "bandwidth" });
  expect(findCode(999, 9999)).toMatchObject({ code: 999, httpCode: 9999, fault: "ambiguous", reportedBy: "carrier" });
});

test("every exception to a family is a listed code", () => {
  for (const code of Object.keys(EXCEPTIONS)) expect([code, findCode(Number(code)).known]).toEqual([code, true]);
  expect(FAMILIES.flatMap(({ hundreds }) => hundreds).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 9]);
});
