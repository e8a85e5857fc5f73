/** Reports as rows, and as a file. */
import { expect, test } from "vitest";
import { addressOfId } from "../../src/admin/addresses.ts";
import { idShown, reportAddress, reportRow } from "../../src/admin/report-rows.ts";
import { csvOf, shownRow } from "../../src/admin/reports-export.ts";
import type { ReportRow } from "../../src/views/report-row.ts";
import type { JobSeen } from "../../src/views/views.ts";

const ROW: ReportRow = {
  id: "j1",
  at: "2026-01-02T03:04:05.678Z",
  peer: "carrier",
  fate: "queued",
  jobId: "j1",
  eventId: `r${"a1".repeat(16)}`,
  type: "mm4d.delivery-report.v1",
  outcome: "rejected",
  disposition: "failure",
  code: 470,
  conflict: false,
  warnings: [],
  why: null,
  messageId: "mm-1",
  transactionId: "tx-1",
  numbers: ["12025550155"],
};
const LOOK = { numbers: "masked", nameOfCode: () => "rejected-spam-detected" } as const;
const shown = (changed: Partial<ReportRow>, look: Parameters<typeof reportRow>[1] = LOOK) =>
  reportRow({ ...ROW, ...changed }, look, null).toString();

test("a row leads to its report, its code and its peer, and its number is masked until it is shown", () => {
  const row = shown({});
  for (const href of [`/reports/${ROW.eventId}`, "/codes/470", "/peers/carrier"]) expect(row).toContain(`"${href}"`);
  expect(row).toContain("+*******0155");
  expect(row).not.toContain("2025550155");
  expect(shown({}, { ...LOOK, numbers: "full" })).toContain("+12025550155");
});

test("ids stay whole, but for a number of the report's own parties, which stands in no address either", () => {
  const uuid = "3f2504e0-4f89-11d3-9a0c-030512345678";
  expect(shown({ messageId: uuid })).toContain(`data-copy="${uuid}"`);
  expect(shown({ messageId: "c20250101123456789012@mmsc" })).toContain("c20250101123456789012@mmsc");
  const own = shown({ eventId: null, fate: "quarantined", messageId: "m-12025550155", transactionId: null });
  expect(own).toContain("m-*******0155");
  expect(own).not.toContain("2025550155");
  expect(own).toContain('href="/quarantine/j1"');
  expect(idShown("+12025550188", [], "masked")).toBe("+*******0188");
});

test("an id with what cannot be seen is shown with it, and copied as it is", () => {
  const row = shown({ messageId: "a\u202eb" });
  expect(row).toContain("<code>a\\u202eb</code>");
  const [, json = ""] = /data-copy-json="([^"]*)"/.exec(row) ?? [];
  expect(JSON.parse(json.replaceAll("&quot;", '"'))).toBe("a\u202eb");
  expect(shown({})).not.toContain("data-copy-json");
});

test("what a peer wrote is text in a row, and a part of an address", () => {
  const row = shown({
    messageId: '"><script>x</script>\u202e',
    peer: "../a b",
    why: "<b>",
    outcome: null,
    disposition: null,
  });
  expect(row).not.toMatch(/<script|<b>|\u202e/);
  expect(row).toContain('href="/peers/..%2Fa%20b"');
  expect([addressOfId("a/b?c#d"), addressOfId(".."), addressOfId("\ud800")]).toEqual([
    "/reports/a%2Fb%3Fc%23d",
    "/reports?q=..",
    "/reports/%EF%BF%BD",
  ]);
  expect(reportAddress({ ...ROW, eventId: null, fate: "ignored", messageId: " ", transactionId: null })).toBeNull();
});

test("a report that is no event says why, and one that is odd says so", () => {
  expect(shown({ fate: "quarantined", outcome: null, disposition: null, why: "no-status" })).toMatch(
    /quarantined[\s\S]*no-status/,
  );
  expect(shown({ fate: "duplicate", conflict: true, warnings: ["ids-equal", "missing-date"] })).toMatch(
    /sent again[\s\S]*conflict[\s\S]*title="ids-equal, missing-date">2 warnings/,
  );
});

test.each([
  [{ state: "waiting" }, "waiting", "It waits for a consumer to take it"],
  [{ state: "waiting", attempts: 1 }, "waiting", "It waits for a consumer to take it, after 1 attempt"],
  [{ state: "active" }, "active", "A consumer has taken it"],
  [
    { state: "delayed", attempts: 6, nextAt: "2026-01-02T03:05:00.000Z" },
    "retry 6×",
    "6 attempts failed; the next is at 2026-01-02 03:05:00.000 UTC",
  ],
  [{ state: "delayed", nextAt: null }, "delayed", "A consumer has put it off"],
  [{ state: "done", attempts: 1, tookMs: 3 }, "done 3 ms", "Consumed, at attempt 1"],
  [{ state: "done", attempts: 2, tookMs: 61_000 }, "done 1 min 1 s", "Consumed, at attempt 2"],
  [{ state: "failed", attempts: 10 }, "failed", "Its consumer gave up after 10 attempts: the report tells the error"],
  [{ state: "gone" }, "–", expect.stringMatching(/^Its job is no longer kept: .*MM4D_COMPLETED_KEEP_SECONDS/)],
  [undefined, "–", "Redis was not asked for its job"],
] as const)("of a job that is %o it says %s", (seen, words, means) => {
  const jobs = new Map(
    seen === undefined ? [] : [["j1", { attempts: 0, tookMs: null, nextAt: null, ...seen } satisfies JobSeen]],
  );
  const cell = /<td data-label="Consumer" data-job="j1"><span class="[^"]*" title="([^"]*)">([^<]*)</.exec(
    reportRow(ROW, LOOK, jobs).toString(),
  );
  expect([cell?.[2], cell?.[1]]).toEqual([words, means]);
});

test("what made no event has no job, and tells nothing of one", () => {
  expect(reportRow({ ...ROW, jobId: null }, LOOK, new Map()).toString()).toContain('<td data-label="Consumer"></td>');
});

test("a spreadsheet runs nothing that a peer wrote, and reads every cell as it is", () => {
  const hostile = ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", 'a,"b"\r\nc'];
  const rows = hostile.map((messageId) => ({ ...ROW, messageId, transactionId: null, consumer: null }));
  const cells = csvOf(rows)
    .split(/\r\n(?=2026)/)
    .slice(1)
    .map((line) => line.slice(line.indexOf("0155,") + "0155,".length, line.indexOf(",,r")));
  expect(cells).toEqual(["'=1+1", "'+cmd", "'-2", "'@SUM(A1)", "'\t=1", '"a,""b""\r\nc"']);
  expect(csvOf([{ ...ROW, numbers: ["+12025550155"], consumer: "done" }])).toMatch(
    /,\+12025550155,mm-1,tx-1,r[0-9a-f]{32},j1,j1,done\r\n$/,
  );
});

test("a party's number that a relay wrote as a code, or as a type, is masked in a file as on the page", () => {
  const row = { ...ROW, code: 12025550155, why: "+12025550155", consumer: null };
  expect(shownRow(row, "masked")).toMatchObject({ code: null, why: "+*******0155" });
  expect(csvOf([shownRow(row, "masked")])).not.toContain("2025550155");
  expect(shownRow(row, "full")).toMatchObject({ code: 12025550155, why: "+12025550155" });
  expect(shown({ outcome: null, disposition: null, why: "+12025550155" })).not.toContain("2025550155");
  expect(shownRow({ ...ROW, consumer: null }, "masked").code).toBe(470);
});

test("wide letters that some spreadsheets take for a formula are made harmless too", () => {
  for (const sign of "＝＋－＠") {
    expect(csvOf([shownRow({ ...ROW, messageId: `${sign}1+1`, consumer: null }, "full")])).toContain(`,'${sign}1+1,`);
  }
});
