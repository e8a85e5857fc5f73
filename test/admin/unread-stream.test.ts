/** What a page that stays open and does not read is sent, and what it is not. */
import { Hono } from "hono";
import { expect, test } from "vitest";
import { livePage } from "../../src/admin/live.ts";
import type { PageEnv } from "../../src/admin/login.ts";
import type { Operations } from "../../src/admin/operations.ts";
import { rowsLive } from "../../src/admin/reports-page.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { EVERY_REPORT } from "../../src/views/filter.ts";
import type { ReportRow } from "../../src/views/report-row.ts";
import type { JobSeen, LiveRows } from "../../src/views/views.ts";

const ROW: ReportRow = {
  id: "j0",
  at: "2026-01-02T03:04:05.678Z",
  peer: "carrier",
  fate: "queued",
  jobId: "j0",
  eventId: null,
  type: "mm4d.delivery-report.v1",
  outcome: "delivered",
  disposition: "success",
  code: null,
  conflict: false,
  warnings: [],
  why: null,
  messageId: "mm-1",
  transactionId: null,
  numbers: ["12025550155"],
};

/** A stream of rows that is not read before `read` is called. `tell` is what the views call. */
async function openRows(rowsLiveOf: Parameters<typeof livePage>[0]["rowsLive"]) {
  let tell = (_: LiveRows): void => {};
  const live = livePage({
    login: { mayStillLook: async () => true },
    glance: async () => ({ state: "well", quarantined: 0 }),
    parts: {},
    follow(_, onRows) {
      tell = onRows;
      return () => {};
    },
    rowsLive: rowsLiveOf,
  });
  const app = new Hono<PageEnv>();
  app.use((c, next) => {
    c.set("operator", { loggedIn: true, numbers: "masked" });
    return next();
  });
  const { body } = await app.route("/", live).request("/live?rows=");
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  return {
    // Each a turn of its own, as they come in the service.
    async tell(news: LiveRows) {
      tell(news);
      await new Promise(setImmediate);
    },
    async read() {
      text += new TextDecoder().decode((await reader.read()).value);
    },
    told: () =>
      [...text.matchAll(/event: rows\ndata: (.*)\n/g)].map(
        ([, data = ""]) => JSON.parse(data) as { html: string; skipped: number; jobs: Record<string, string> },
      ),
    close: () => reader.cancel(),
  };
}

test("a page that does not read is sent nothing further, and is told how many came when it reads again", async () => {
  const page = await openRows(() => ({
    filter: EVERY_REPORT,
    shown: (_, isGiven) => ({ html: isGiven ? "<tr></tr>" : "", jobs: {} }),
  }));
  const came = { rows: [{}], skipped: 2, jobs: new Map() } as unknown as LiveRows;
  for (let count = 0; count < 100; count += 1) await page.tell(came);
  const reports = () => page.told().reduce((sum, { html, skipped }) => sum + (html === "" ? 0 : 1) + skipped, 0);
  while (reports() < 300) await page.read();
  expect(reports()).toBe(300);
  expect(page.told().length).toBeLessThan(10);
  await page.close();
});

test("what has become of jobs meanwhile is told then, of the rows that the page has and as it is last", async () => {
  const page = await openRows(rowsLive({ catalogueOf: () => createCatalogue() } as unknown as Operations));
  const job = (state: "waiting" | "active" | "failed") =>
    ({ state, attempts: 1, tookMs: null, nextAt: null }) as JobSeen;
  const came = (id: string, jobs: readonly (readonly [string, JobSeen])[]): LiveRows => ({
    rows: id === "" ? [] : [{ ...ROW, id, jobId: id }],
    skipped: 0,
    jobs: new Map(jobs),
  });
  await page.tell(came("j0", [["j0", job("waiting")]]));
  for (let count = 1; count <= 200; count += 1) {
    await page.tell(came(`j${count}`, [[`j${count}`, job("waiting")]]));
    await page.tell(
      came("", [
        ["j0", job(count < 200 ? "active" : "failed")],
        [`j${count}`, job("active")],
      ]),
    );
  }
  const last = () => page.told().at(-1);
  while (!last()?.jobs.j0?.includes("failed")) await page.read();
  expect(page.told().length).toBeLessThan(10);
  expect(page.told()[0]?.html).toContain('data-id="j0"');
  const given = page.told().filter(({ html }) => html !== "");
  expect(given.length + page.told().reduce((sum, { skipped }) => sum + skipped, 0)).toBe(201);
  expect(Object.keys(last()?.jobs ?? {}).length).toBeLessThanOrEqual(given.length);
  await page.close();
});
