/** Reports, Report and Queue in a real browser: what comes is seen, found, opened and acted on. */
import { Queue } from "bullmq";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { consume, GiveUp } from "../../src/consumer/consume.ts";
import type { ReportRow } from "../../src/views/report-row.ts";
import {
  lookAtPage,
  mainOf,
  openUntil,
  startBrowser,
  TOKEN,
  type Visit,
  visit,
  visitLoggedIn,
} from "../support/browser.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { deliverReports } from "../support/deliver.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import type { FieldsOf } from "../support/report.ts";
import { rowsOf, type ServiceUnderTest, startServiceWithin } from "../support/service.ts";

const QUEUE = "mm4-delivery-events";
const SHOWN_MS = 3_000;
const SPAM = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };

let redis: TestRedis;
let service: ServiceUnderTest;
let browser: Browser;
let visiting: Visit;
let page: Page;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_ADMIN_TOKEN: TOKEN, MM4D_JOB_ATTEMPTS: "1" });
  browser = await startBrowser();
  visiting = await visitLoggedIn(browser, service);
  page = visiting.page;
});
beforeEach(() => void visiting.faults.splice(0));
afterAll(async () => {
  await browser.close();
  await service.stop();
  await redis.stop();
});

const main = () => mainOf(page);
const rows = () => page.locator("tbody tr:visible").count();
const deliver = (...all: readonly FieldsOf[]) => deliverReports(service.smtpPort, ...all);

/** Waits until the page, which a click may just have left, shows this. */
const shows = (wanted: RegExp) => eventually(main, (text) => wanted.test(text));

/** Clicks on a link, and waits for the page that it leads to. */
async function follow(link: Locator): Promise<void> {
  const from = page.url();
  await link.click();
  await page.waitForURL((now) => now.href !== from);
}

/** How long it takes until a report that `mm4d send` has sent stands in the list that is open. */
async function shownAfterMs(id: string): Promise<number> {
  const sent = await runCommandWithin(["send", "--message-id", id], service.env);
  expect([sent.code, sent.stderr]).toEqual([0, ""]);
  const begunMs = performance.now();
  await page.getByText(id).waitFor();
  return performance.now() - begunMs;
}

test("an empty list says what to do next, and its first row comes within three seconds, without a reload", async () => {
  await page.goto("/reports");
  await page.getByText("No reports yet.").waitFor();
  await lookAtPage(page, "thoroughly");
  await page.evaluate("window.loaded = 'once'");
  await shownAfterMs("first-of-all");
  // Each is sent when the one before has just been shown, so not by luck just before a look. A machine may be busy.
  let count = 0;
  await eventually(
    () => shownAfterMs(`shown-${++count}`),
    (afterMs) => afterMs < SHOWN_MS,
  );
  expect(await page.evaluate("window.loaded")).toBe("once");
  await page.getByText("No reports yet.").waitFor({ state: "hidden" });
  expect(visiting.faults).toEqual([]);
});

test("what comes is held back while the list is paused, and is there again when it is not", async () => {
  await openUntil(page, "/reports", (text) => text.includes("first-of-all"));
  await page.getByRole("button", { name: "Pause" }).click();
  await deliver({ "X-Mms-Message-ID": "held-back" });
  await page.getByRole("button", { name: "Resume (1 new)" }).waitFor();
  expect(await main()).not.toContain("held-back");
  await page.getByRole("button", { name: "Resume (1 new)" }).click();
  await page.getByText("held-back").waitFor();
  await page.getByText("first-of-all").waitFor();
  expect(visiting.faults).toEqual([]);
});

test("the list is filtered by its form, whose address alone gives the same list, and its rows come live", async () => {
  await deliver({ ...SPAM, "X-Mms-Message-ID": "spam-1" }, { "X-Mms-Message-ID": "fine-1" });
  await openUntil(page, "/reports", (text) => text.includes("fine-1"));
  await page.getByLabel("Code").fill("470");
  await page.getByLabel("Result").selectOption("failure");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.waitForURL("**/reports?disposition=failure&code=470");
  expect([await rows(), await main()]).toEqual([1, expect.stringMatching(/470 rejected-spam-detected[\s\S]*spam-1/)]);
  await lookAtPage(page, "thoroughly");
  await deliver({ "X-Mms-Message-ID": "fine-2" }, { ...SPAM, "X-Mms-Message-ID": "spam-2" });
  await page.getByText("spam-2").waitFor();
  expect(await rows()).toBe(2);
  await page.goto("/reports?code=999");
  expect(await main()).toMatch(/No report fits, of \d+ looked through/);
  await page.goto("/reports?q=470");
  await page.getByRole("link", { name: "Reports with the code 470" }).click();
  await shows(/spam-1/);
  await page.goto("/reports?outcome=gone&code=x");
  expect(await main()).toMatch(/outcome must be one of delivered,[\s\S]*code must be a number/);
  expect(visiting.faults).toEqual([]);
});

test("what has passed is filtered by each field of the form, and its address says which", async () => {
  await deliver(
    { "X-Mms-Message-ID": "refuted", "X-Internal-Status-Code": "775" },
    { "X-Mms-Message-ID": "dated-badly", Date: "yesterday" },
    {
      "X-Mms-Message-ID": "read",
      "X-Mms-Message-Type": "MM4_read_reply_report.REQ",
      "X-Mms-MM-Status-Code": undefined,
      "X-Mms-Read-Status": "Read",
    },
  );
  await openUntil(page, "/reports", (text) => /\bread\b[\s\S]*dated-badly[\s\S]*refuted/.test(text));
  const form = page.locator("form.filters");
  for (const [choose, address, listed] of [
    [() => form.getByLabel("contradictory").check(), "/reports?conflict=1", ["refuted"]],
    [() => form.getByLabel("with warnings").check(), "/reports?warnings=1", ["dated-badly"]],
    [() => form.getByLabel("Type").selectOption("read-report"), "/reports?type=read-report", ["read"]],
    [
      async () => {
        await form.getByLabel("Outcome").selectOption("rejected");
        await form.getByLabel("Peer").selectOption("loopback");
        await form.getByLabel("Since").selectOption("1h");
      },
      "/reports?peer=loopback&since=1h&outcome=rejected",
      ["spam-2", "spam-1"],
    ],
  ] as const) {
    await page.goto("/reports");
    await page.getByText("More", { exact: true }).click();
    await choose();
    await form.getByRole("button", { name: "Show", exact: true }).click();
    await page.waitForURL(`**${address}`);
    expect([address, await page.locator("tbody [data-label=Message]").allInnerTexts()]).toEqual([address, listed]);
  }
  // What was chosen is seen, also among what is folded.
  expect(await form.getByLabel("Outcome").inputValue()).toBe("rejected");
  expect(visiting.faults).toEqual([]);
});

test("from a row by the keyboard to its report, which tells all that is known, and back", async () => {
  await deliver({ ...SPAM, From: "+12025550155/TYPE=PLMN", "X-Mms-Message-ID": "opened-1" });
  await openUntil(page, "/reports", (text) => text.includes("opened-1"));
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/reports\/r[0-9a-f]{32}$/);
  const told = await main();
  expect(told).toMatch(/rejected\s+failure, final\s+470 rejected-spam-detected/);
  expect(told).toMatch(
    /What it means[\s\S]*What to do[\s\S]*opened-1[\s\S]*received from loopback[\s\S]*put on the queue as job/,
  );
  await page.getByText("Header as it came").click();
  await page.getByText("Event", { exact: true }).last().click();
  await page.getByText("SMTP session").click();
  expect(await main()).toMatch(/From: \+\*{7}0155[\s\S]*"specversion": "1.0"/);
  expect(await page.content()).not.toContain("2025550155");
  await lookAtPage(page, "thoroughly");
  await page.keyboard.press("Escape");
  await page.waitForURL(/\/reports$/);
  expect(visiting.faults).toEqual([]);
});

test("a message's other reports are a click away, and any of its ids finds it", async () => {
  await deliver(
    { "X-Mms-Message-ID": "a/b?c", "X-Mms-Transaction-ID": "tx-1", "X-Mms-MM-Status-Code": "Deferred" },
    { "X-Mms-Message-ID": "a/b?c", "X-Mms-Transaction-ID": "tx-2" },
  );
  // They are read behind their 250.
  await openUntil(page, `/reports/${encodeURIComponent("a/b?c")}`, (text) =>
    /delivered\s+success, final[\s\S]*Other reports of this message[\s\S]*deferred/.test(text),
  );
  await page.locator("tbody a.open").click();
  await shows(/deferred\s+pending, not final[\s\S]*tx-1[\s\S]*Other reports of this message[\s\S]*delivered/);
  await page.goto("/trace?q=spam-1");
  expect([new URL(page.url()).pathname, await main()]).toEqual([
    expect.stringMatching(/^\/reports\/r/),
    expect.stringContaining("spam-1"),
  ]);
  for (const [asked, found] of [
    [`/trace?id=${encodeURIComponent("a/b?c")}`, "/reports?q=a%2Fb%3Fc"],
    ["/trace?q=", "/reports"],
    ["/trace?q=nobody", "/reports?q=nobody"],
  ] as const) {
    await page.goto(asked);
    const { pathname, search } = new URL(page.url());
    expect([asked, pathname + search]).toEqual([asked, found]);
  }
  const nothing = await page.goto("/reports/nobody");
  expect([nothing?.status(), await main()]).toEqual([404, expect.stringContaining("No report has the id nobody")]);
});

test("the list is a file for a spreadsheet and for a program, masked as it is on the page", async () => {
  const csv = await page.request.get("/reports?code=470&as=csv");
  expect(csv.headers()["content-disposition"]).toMatch(/^attachment; filename="mm4d-reports-.*\.csv"$/);
  const [head = "", ...lines] = (await csv.text()).trimEnd().split("\r\n");
  expect(head).toMatch(/^at,peer,fate,/);
  expect(lines.map((line) => /,(spam-\d|opened-1),/.exec(line)?.[1])).toEqual(["opened-1", "spam-2", "spam-1"]);
  const jsonl = await (await page.request.get("/reports?q=opened-1&as=jsonl")).text();
  expect(JSON.parse(jsonl)).toMatchObject({ code: 470, messageId: "opened-1", numbers: ["+*******0155"] });
  expect(service.log()).toContainEqual(
    expect.objectContaining({ event: "operator.reports-exported", format: "csv", reports: 3 }),
  );
});

test("ten events that a consumer gave up are one error, and its button empties the list of them", async () => {
  const fails = new Set(Array.from({ length: 10 }, (_, index) => `given-up-${index}`));
  await deliver(...[...fails].map((id) => ({ "X-Mms-Message-ID": id })));
  const given: string[] = [];
  let mended = false;
  const consumer = await consume(
    ({ data: { messageId } }) => {
      given.push(messageId ?? "");
      if (!mended && fails.has(messageId ?? "")) throw new GiveUp(`no message ${messageId} in table`);
    },
    { connection: { url: redis.url }, onError: false, onFailed: false },
  );
  const queue = new Queue(QUEUE, { connection: { url: redis.url, maxRetriesPerRequest: null } });
  await eventually(
    () => queue.getJobCounts("failed", "waiting", "active"),
    ({ failed, waiting, active }) => failed === 10 && waiting === 0 && active === 0,
  );
  await page.goto("/queue");
  expect(await main()).toMatch(/Failed: 10 events, by error\s+no message given-up-\d in table\s+10 events/);
  expect(await page.locator(".group").count()).toBe(1);
  await lookAtPage(page, "thoroughly");

  // From a job to its report, where its error stands, and one is given back.
  await page.getByText("Which they are").click();
  await page.getByRole("link", { name: "given-up-3" }).click();
  await shows(/given-up-3[\s\S]*Its job failed\s+no message given-up-3 in table/);
  await lookAtPage(page);
  mended = true;
  await page.getByRole("button", { name: "Retry" }).click();
  await shows(/Given back to consumers\./);
  await eventually(
    async () => given.filter((id) => id === "given-up-3").length,
    (times) => times === 2,
  );
  await page.goto("/queue");
  await page.getByText("Which they are").click();
  // Each with its own Retry, on a phone too.
  expect(await page.getByRole("button", { name: "Retry", exact: true }).count()).toBe(9);
  await lookAtPage(page);
  await page.getByRole("button", { name: "Retry all 9" }).click();
  await shows(/9 events given back to consumers\./);
  await eventually(
    async () => (await runCommandWithin(["failed", "list"], service.env)).stderr,
    (told) => told === "No failed jobs.\n",
  );
  // Live: without the page being loaded again.
  await page.locator(".counts li", { hasText: "0 failed" }).waitFor();
  await page.getByText("1 consumer", { exact: true }).waitFor({ timeout: 30_000 });
  const acts = service.log().filter(({ event }) => event === "operator.jobs-retried");
  expect(acts.map(({ queue: name, retried }) => [name, retried])).toEqual([
    [QUEUE, 1],
    [QUEUE, 9],
  ]);
  await consumer.stop();
  await queue.close();
  expect(visiting.faults).toEqual([]);
});

test("only jobs of events are retried, by who is logged in, and only on our own pages is come back to", async () => {
  const ask = (form: Readonly<Record<string, string>>) =>
    page.request.post("/queue/retry", {
      form,
      maxRedirects: 0,
      headers: { origin: `http://127.0.0.1:${service.adminPort}` },
    });
  expect((await ask({ queue: "mm4-quarantine", id: "x" })).status()).toBe(400);
  expect((await ask({ queue: QUEUE })).status()).toBe(400);
  const gone = await ask({ queue: QUEUE, id: "meta", next: "//evil.example" });
  expect([gone.status(), gone.headers().location]).toEqual([303, "/?retried=0"]);
  const stranger = await visit(browser, `http://127.0.0.1:${service.adminPort}`);
  expect((await stranger.page.request.post("/queue/retry", { form: { queue: QUEUE, id: "x" } })).status()).toBe(403);
  for (const path of ["/reports", "/reports/x", "/reports?as=csv", "/queue", "/queue/board/"]) {
    await stranger.page.goto(path);
    expect([path, new URL(stranger.page.url()).pathname]).toEqual([path, "/login"]);
  }
  await stranger.page.context().close();
});

test("older reports are reached by pages, none twice and none left out", async () => {
  const ids = Array.from({ length: 120 }, (_, index) => `page-${String(index).padStart(3, "0")}`);
  await deliver(...ids.map((id) => ({ "X-Mms-Message-ID": id, "X-Mms-MM-Status-Code": "Expired" })));
  const listed = async () =>
    rowsOf<ReportRow>(await (await page.request.get("/reports?outcome=expired&as=jsonl")).text());
  const exported = await eventually(listed, (lines) => lines.length === ids.length);
  const times = exported.map(({ at }) => at);
  expect(times).toEqual([...times].sort().reverse());
  // Two of one millisecond may have been read in another order than they came in.
  const inOrder = exported.map(({ messageId }) => messageId);
  expect([...inOrder].sort()).toEqual(ids);
  await page.goto("/reports?outcome=expired");
  const seen: string[] = [];
  for (;;) {
    seen.push(...((await main()).match(/page-\d{3}/g) ?? []));
    const older = page.getByRole("link", { name: /^Older|^Look through older/ });
    if ((await older.count()) === 0) break;
    await follow(older);
  }
  expect(seen).toEqual(inOrder);
  await follow(page.getByRole("link", { name: "Newest" }));
  expect(await main()).toContain("page-119");
  // What comes live pushes others off the page, over which the link to older ones would lead.
  await deliver({ "X-Mms-Message-ID": "page-120", "X-Mms-MM-Status-Code": "Expired" });
  await page.getByText("page-120").waitFor();
  expect([await rows(), await page.getByRole("link", { name: /^Older/ }).count()]).toEqual([50, 0]);
  await page.getByRole("link", { name: /^Load again/ }).click();
  await page.getByRole("link", { name: /^Older/ }).waitFor();
  const onFirst = (await main()).match(/page-\d{3}/g) ?? [];
  await follow(page.getByRole("link", { name: /^Older/ }));
  const onSecond = (await main()).match(/page-\d{3}/g) ?? [];
  expect(new Set([...onFirst, ...onSecond]).size).toBe(100);
});

test("without Redis each of them says so, and is there again with it", async () => {
  await redis.kill();
  await eventually(
    async () => {
      await page.goto("/queue");
      return main();
    },
    (text) => text.includes("Redis has been away"),
  );
  for (const path of ["/reports", "/reports?q=x", "/reports/x", "/queue"]) {
    await page.goto(path);
    expect([path, await main()]).toEqual([path, expect.stringContaining("Redis has been away")]);
    await lookAtPage(page);
  }
  expect((await page.request.get("/reports?as=csv")).status()).toBe(503);
  await redis.start();
  await openUntil(page, "/reports", (text) => text.includes("looked through"));
});
