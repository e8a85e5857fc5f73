/**
 * The stream of what is live: what many pages show is found once, what cannot be found ends no stream, and a page that
 * does not read is sent no more.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, expect, test } from "vitest";
import { livePage, type Part } from "../../src/admin/live.ts";
import type { Operator, PageEnv } from "../../src/admin/login.ts";
import type { Operations } from "../../src/admin/operations.ts";
import { rememberingFor } from "../../src/admin/remembering.ts";
import { rowsLive } from "../../src/admin/reports-page.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import type { ReportRow } from "../../src/views/report-row.ts";
import type { JobSeen, LiveRows } from "../../src/views/views.ts";
import { eventually } from "../support/redis.ts";

const SHARED_MS = 1_500;
let server: ReturnType<typeof createAdaptorServer>;
let ends: AbortController;
afterEach(() => {
  ends.abort();
  server.close();
});

/** Serves the stream, and opens it: gives all that has come so far. */
async function serveLive(parts: Readonly<Record<string, Part>>, operatorOf: (name: string) => Operator) {
  const app = new Hono<PageEnv>();
  app.use((c, next) => {
    c.set("operator", operatorOf(c.req.query("who") ?? ""));
    return next();
  });
  const live = livePage({
    login: { mayStillLook: async () => true },
    glance: async () => ({ state: "well", quarantined: 0 }),
    parts,
    follow: () => () => {},
    rowsLive: () => () => ({ html: "", fit: 0, jobs: {} }),
  });
  app.route("/", live);
  ends = new AbortController();
  server = createAdaptorServer(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return (query: string): (() => string) => {
    let came = "";
    void (async () => {
      const { body } = await fetch(`http://127.0.0.1:${port}/live?${query}`, { signal: ends.signal });
      for await (const some of body ?? []) came += Buffer.from(some).toString();
    })().catch(() => {}); // It is ended at the end of the test.
    return () => came;
  };
}

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
const OPERATOR: Operator = { loggedIn: true, numbers: "masked" };

test("however many pages are open, a part that they share is found once in a while; who sees something else gets that", async () => {
  const asked: string[] = [];
  const part: Part = async (of, { loggedIn, numbers }) => {
    asked.push(`${of} ${loggedIn} ${numbers}`);
    return `<p>${of} ${loggedIn} ${numbers} ${asked.length}</p>`;
  };
  const open = await serveLive({ part }, (who) => (who === "full" ? { ...OPERATOR, numbers: "full" } : OPERATOR));
  const began = performance.now();
  const same = Array.from({ length: 20 }, () => open("parts=part,part,unknown,toString&of=/peers/a%20b"));
  const others = [open("parts=part&of=/peers/second"), open("parts=part&of=/peers/a%20b&who=full")];
  for (const came of [...same, ...others]) await eventually(came, (text) => text.includes("event: part"));
  // Each goes on to be live.
  await eventually(same[0] ?? (() => ""), (text) => (text.match(/event: part/g)?.length ?? 0) >= 3);
  const most = Math.ceil((performance.now() - began) / SHARED_MS) + 1;
  const times = (what: string) => asked.filter((one) => one === what).length;
  expect(times("/peers/a b true masked")).toBeLessThanOrEqual(most);
  expect(times("/peers/second true masked")).toBeLessThanOrEqual(most);
  expect(new Set(asked)).toEqual(
    new Set(["/peers/a b true masked", "/peers/second true masked", "/peers/a b true full"]),
  );
  expect(others[1]?.()).toContain("/peers/a b true full");
  expect(same[0]?.()).not.toMatch(/event: (unknown|toString)/);
});

test("a part that cannot be found, or not soon, leaves the others and the title live", async () => {
  let times = 0;
  const parts = {
    failing: async () => {
      throw new Error("Redis does not answer");
    },
    hanging: () => new Promise<string>(() => {}),
    async well() {
      times += 1;
      return `<p>${times}</p>`;
    },
  };
  const open = await serveLive(parts, () => OPERATOR);
  const came = open("parts=failing,hanging,well");
  await eventually(came, (text) => (text.match(/event: well/g)?.length ?? 0) >= 2);
  expect(came()).toContain("event: title");
  expect(came()).not.toMatch(/event: (failing|hanging)/);
});

test("an answer is as old as who asks takes it, never older than another has seen, and a failure is not kept", async () => {
  let found = 0;
  const ask = rememberingFor(async (what: string) => {
    found += 1;
    if (what === "wrong") throw new Error(`failure ${found}`);
    return found;
  });
  expect(await ask(60_000, "x")).toBe(1);
  expect(await ask(60_000, "x")).toBe(1);
  expect(await ask(0, "x")).toBe(2);
  expect(await ask(60_000, "x")).toBe(2);
  expect(await ask(60_000, "y")).toBe(3);
  await expect(ask(60_000, "wrong")).rejects.toThrow("failure 4");
  await expect(ask(60_000, "wrong")).rejects.toThrow("failure 5");
});

/** A stream of rows that is not read before `read` is called. `tell` is what the views call. */
async function openRows(rowsLiveOf: Parameters<typeof livePage>[0]["rowsLive"]) {
  let tell = (_: LiveRows): void => {};
  const live = livePage({
    login: { mayStillLook: async () => true },
    glance: async () => ({ state: "well", quarantined: 0 }),
    parts: {},
    follow(onRows) {
      tell = onRows;
      return () => {};
    },
    rowsLive: rowsLiveOf,
  });
  const app = new Hono<PageEnv>();
  app.use((c, next) => {
    c.set("operator", OPERATOR);
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
  const page = await openRows(() => (_, isGiven) => ({ html: isGiven ? "<tr></tr>" : "", fit: 1, jobs: {} }));
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
