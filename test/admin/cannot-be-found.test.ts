/** Pages while too many ask, or Redis does not answer: each says why, as a fault that passes; and a click says what was done. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, expect, test } from "vitest";
import type { Login, PageEnv } from "../../src/admin/login.ts";
import type { Operations } from "../../src/admin/operations.ts";
import { queuePage } from "../../src/admin/queue-page.ts";
import { reportPage } from "../../src/admin/report-page.ts";
import { reportsPage } from "../../src/admin/reports-page.ts";
import { TooManyAskError } from "../../src/views/lane.ts";
import type { OnGiven, Views } from "../../src/views/views.ts";

const QUEUE = "events";
let server: ReturnType<typeof createAdaptorServer>;
let acts: (readonly [action: string, fields: Readonly<Record<string, unknown>>])[];
afterEach(() => void server.close());

/** Serves the pages, and gives their address. */
async function serve(operations: Partial<Operations>): Promise<string> {
  acts = [];
  const all = {
    redisAway: () => null,
    peerNames: async () => [],
    eventQueues: () => [{ name: QUEUE, use: undefined, workers: [] }],
    replays: async () => [],
    ...operations,
  } as Operations;
  const login = { mayAct: (_: unknown, next: () => Promise<void>) => next() } as unknown as Login;
  const onAction = (action: string, fields: Readonly<Record<string, unknown>>) => void acts.push([action, fields]);
  const app = new Hono<PageEnv>();
  app.use(async (c, next) => {
    c.set("operator", { loggedIn: true, numbers: "masked" });
    await next();
  });
  app.route("/", reportsPage(all, onAction));
  app.route("/", reportPage(all));
  app.route("/", queuePage(all, login, onAction));
  server = createAdaptorServer(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function seen(url: string) {
  const answer = await fetch(url, { redirect: "manual" });
  const { status, headers } = answer;
  return { status, type: headers.get("content-type"), at: headers.get("location"), text: await answer.text() };
}

for (const cause of [new TooManyAskError(), new Error("Redis did not <answer>")]) {
  test(`"${cause.message}" is told with 503 wherever something cannot be found`, async () => {
    const none = () => Promise.reject(cause);
    const views = { reports: none, entries: none, troubles: none, listed: none } as unknown as Views;
    const url = await serve({ views, trace: none, queueRates: none });
    const inHtml = cause.message.replace("<", "&lt;").replace(">", "&gt;");
    for (const [path, says] of [
      ["/reports", "No reports can be listed: "],
      ["/reports/x", "It cannot be looked for: "],
      ["/queue", "What the last minute brought cannot be counted: "],
      ["/queue?show=waiting", "It cannot be listed: "],
    ] as const) {
      const { status, text } = await seen(`${url}${path}`);
      expect([path, status, text]).toEqual([path, 503, expect.stringContaining(`${says}${inHtml}`)]);
    }
    for (const format of ["csv", "jsonl"]) {
      const { status, type, text } = await seen(`${url}/reports?as=${format}`);
      expect([status, type, text]).toEqual([
        503,
        expect.stringContaining("text/plain"),
        `No reports can be listed: ${cause.message}\n`,
      ]);
    }
    // The list says it.
    expect(await seen(`${url}/trace?q=mm-1`)).toMatchObject({ status: 303, at: "/reports?q=mm-1" });
    expect(acts).toEqual([]);
  });
}

test("the queue is there, where only its last minute cannot be counted", async () => {
  const nothing = { groups: [], jobs: 0, lookedAt: 0 };
  const views = { troubles: async () => ({ failed: nothing, retrying: nothing }) } as unknown as Views;
  const rates = { completed: 3, isMore: false, failed: 0 };
  const whole = await seen(`${await serve({ views, queueRates: async () => rates })}/queue`);
  expect([whole.status, whole.text]).toEqual([200, expect.stringMatching(/In the last minute: .*<strong>3</)]);
  server.close();
  const part = await seen(`${await serve({ views, queueRates: () => Promise.reject(new Error("no answer")) })}/queue`);
  expect([part.status, part.text]).toEqual([503, expect.stringContaining("No event has failed")]);
});

test("while Redis is away every one of them says so, with 503", async () => {
  const url = await serve({ redisAway: () => "Redis is away" });
  for (const path of ["/reports", "/reports?as=csv", "/reports/x", "/queue"]) {
    const { status, text } = await seen(`${url}${path}`);
    expect([path, status, text]).toEqual([path, 503, expect.stringContaining("Redis is away")]);
  }
});

test("a file is made, and logged, for GET alone", async () => {
  let asked = 0;
  const reports = async () => {
    asked += 1;
    return { rows: [], older: null, lookedThrough: 0, jobs: new Map() };
  };
  const url = await serve({ views: { reports } as unknown as Views });
  const head = await fetch(`${url}/reports?as=csv`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-type"), asked, acts]).toEqual([200, "text/csv; charset=utf-8", 0, []]);
  const got = await fetch(`${url}/reports?as=csv`);
  expect(got.headers.get("content-disposition")).toBe(head.headers.get("content-disposition"));
  expect([asked, acts.map(([action]) => action)]).toEqual([1, ["reports-exported"]]);
});

test("giving back that breaks off half-way says what was done, on the page and in the log", async () => {
  let given = 40;
  const retry = async (_queue: string, _which: unknown, _client: unknown, onGiven: OnGiven) => {
    if (given > 0) onGiven(given);
    throw new Error("It takes longer than 15 s");
  };
  const url = await serve({ views: { retry } as unknown as Views });
  const click = () =>
    fetch(`${url}/queue/retry`, { method: "POST", body: new URLSearchParams({ queue: QUEUE, error: "e" }) });
  const broken = await click();
  expect([broken.status, await broken.text()]).toEqual([
    503,
    expect.stringContaining("at least 40 events. Then it broke off: It takes longer than 15 s"),
  ]);
  given = 0;
  expect(await (await click()).text()).toContain("no event, as far as is known.");
  expect(acts.map(([action, { retried }]) => [action, retried])).toEqual([
    ["jobs-retried", 40],
    ["jobs-retried", 0],
  ]);
});
