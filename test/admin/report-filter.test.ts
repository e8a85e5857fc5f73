/** The filters of Reports, as they stand in an address. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { filterIn, isFiltered, queryOf, reportsAddress } from "../../src/admin/report-filter.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const read = (address: string) => filterIn(Object.fromEntries(new URL(address, "http://x").searchParams), NOW);

/** Not UTC, so that a time without a zone shows whose it is. */
beforeEach(() => {
  vi.stubEnv("TZ", "America/New_York");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test("every filter of an address is read, and is written so that it is read again", () => {
  const address =
    "/reports?peer=a+b%2Fc&outcome=rejected&disposition=failure&code=470&type=delivery-report&since=2026-01-01T00%3A00%3A00.000Z&conflict=1&warnings=1&q=%2B1202";
  const { filter, faults } = read(address);
  expect(faults).toEqual([]);
  expect(filter).toEqual({
    peer: "a b/c",
    outcome: "rejected",
    disposition: "failure",
    code: 470,
    type: "mm4d.delivery-report.v1",
    since: "2026-01-01T00:00:00.000Z",
    conflict: true,
    warnings: true,
    q: "+1202",
  });
  expect(reportsAddress(Object.fromEntries(new URL(address, "http://x").searchParams))).toBe(address);
});

test.each([
  ["", null],
  ["30min", "2026-01-02T02:34:05.678Z"],
  ["1h", "2026-01-02T02:04:05.678Z"],
  ["7d", "2025-12-26T03:04:05.678Z"],
  ["yesterday", "2026-01-01T00:00:00.000Z"],
  ["2026-01-01", "2026-01-01T00:00:00.000Z"],
  ["2026-01-01T02:03", "2026-01-01T02:03:00.000Z"],
  ["2026-07-01+02:03:04.5", "2026-07-01T02:03:04.500Z"],
  ["2026-01-01T02:03%2B01:00", "2026-01-01T01:03:00.000Z"],
])("since=%s is since %s", (text, since) => {
  const { filter, faults } = read(`/reports?since=${text}`);
  expect([filter.since, faults]).toEqual([since, []]);
});

test.each([
  ["outcome", "gone"],
  ["outcome", "toString"],
  ["disposition", "Success"],
  ["code", "4xx"],
  ["code", "-1"],
  ["code", "4".repeat(400)],
  ["type", "constructor"],
  ["since", "tomorrow"],
  ["since", "999999d"],
  ["since", "5"],
  ["since", "2026"],
  ["since", "Jan 5"],
  ["since", "2026-13-01"],
  ["since", "-271821-04-20"],
])("%s=%s leaves nothing out, and is told", (name, text) => {
  const { filter, faults } = read(`/reports?${name}=${text}`);
  expect([filter, faults]).toEqual([read("/reports").filter, [expect.stringContaining(`${name} must be `)]]);
});

test("code=none asks for what has no code, and is written so that it is read again", () => {
  expect(read("/reports?code=none")).toEqual({ filter: { ...read("/reports").filter, code: "none" }, faults: [] });
  expect(reportsAddress({ code: "none" })).toBe("/reports?code=none");
});

test("where a list goes on and how it is exported are no filters", () => {
  const query = { peer: "a", from: "0.1.2.3", as: "csv", other: "x" };
  expect([reportsAddress(query), queryOf(query), isFiltered({ from: "0.1.2.3", q: " " })]).toEqual([
    "/reports?peer=a",
    "peer=a",
    false,
  ]);
  expect(reportsAddress(query, { peer: null, from: "0.9.9." })).toBe("/reports?from=0.9.9.");
});
