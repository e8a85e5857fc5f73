/** What the page tells of consumers in a real browser: of each report, of what waits, and when there is none. */
import { spawn } from "node:child_process";
import { UnrecoverableError, Worker } from "bullmq";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { lookAtPage, mainOf, openUntil, startBrowser, TOKEN, type Visit, visitLoggedIn } from "../support/browser.ts";
import { deliverReports } from "../support/deliver.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import type { FieldsOf } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";

const QUEUE = "mm4-delivery-events";

let redis: TestRedis;
let service: ServiceUnderTest;
let browser: Browser;
let visiting: Visit;
let page: Page;

beforeAll(async () => {
  redis = await startRedis();
  browser = await startBrowser();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_ADMIN_TOKEN: TOKEN });
  visiting = await visitLoggedIn(browser, service);
  page = visiting.page;
});
beforeEach(() => void visiting.faults.splice(0));
afterEach(closeWorkers);
afterAll(async () => {
  await browser.close();
  await service.stop();
  await redis.stop();
});

const main = () => mainOf(page);

const deliver = (...all: readonly FieldsOf[]) => deliverReports(service.smtpPort, ...all);

/** What the row of a message says of its consumer. */
const consumerOf = (messageId: string) =>
  page.locator("tbody tr", { hasText: messageId }).locator("[data-label=Consumer]").innerText();

const workers: Worker[] = [];

function startWorker(handle: (messageId: string) => Promise<void>): void {
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const worker = new Worker(QUEUE, async ({ data: { data } }) => handle(data.messageId), { connection });
  worker.on("error", () => {}); // It is closed while it waits.
  workers.push(worker);
}

async function closeWorkers(): Promise<void> {
  for (const worker of workers.splice(0)) await worker.close();
}

test("a report says that it waits, and live what its consumer makes of it; a message that made no event says nothing", async () => {
  await openUntil(page, "/reports", (text) => text.includes("No reports yet."));
  await deliver({ "X-Mms-Message-ID": "taken" }, { "X-Mms-Message-ID": "hopeless" }, { "X-Mms-Message-ID": "unlucky" });
  await deliver({ "X-Mms-Message-ID": "illegible", "X-Mms-MM-Status-Code": undefined });
  await page.getByText("unlucky").waitFor();
  await page.getByText("illegible").waitFor();
  expect(await Promise.all(["taken", "hopeless", "unlucky", "illegible"].map(consumerOf))).toEqual([
    "waiting",
    "waiting",
    "waiting",
    "",
  ]);
  startWorker(async (messageId) => {
    if (messageId === "hopeless") throw new UnrecoverableError("no such message");
    if (messageId === "unlucky") throw new Error("connect ECONNREFUSED");
  });
  await eventually(
    () => Promise.all(["taken", "hopeless", "unlucky"].map(consumerOf)),
    (told) => /^done \d+ ms,failed,retry \d+×$/.test(told.join()),
  );
  await lookAtPage(page, "thoroughly");
  await closeWorkers();
  await page.reload();
  expect(await consumerOf("taken")).toMatch(/^done \d+ ms$/);
  const csv = await (await page.request.get("/reports?as=csv")).text();
  expect(csv).toMatch(/,taken,.*,done\r\n/);
  expect(csv).toMatch(/,hopeless,.*,failed\r\n/);
  // What Redis has forgotten is not made up. A page that is live may still know it from before.
  const cell = page.locator("tbody tr", { hasText: "taken" }).locator("[data-job]");
  await redis.call("DEL", `bull:${QUEUE}:${await cell.getAttribute("data-job")}`);
  const made = await (await page.request.get("/reports?q=taken")).text();
  expect(made).toMatch(/title="Its job is no longer kept[^"]*">–</);
  expect(visiting.faults).toEqual([]);
});

test("what waits is a click away from its count, the oldest first, and each of it from its report", async () => {
  const ids = Array.from({ length: 52 }, (_, index) => `waits-${String(index).padStart(2, "0")}`);
  await deliver(...ids.map((id) => ({ "X-Mms-Message-ID": id })));
  await service.metric("mm4d_journal_records", (count) => count === 0);
  // The queue is looked at every five seconds.
  await openUntil(page, "/queue", (text) => /\b52 waiting/.test(text));
  await page.getByRole("link", { name: "52 waiting" }).click();
  await page.getByRole("heading", { name: "Waiting: the oldest 50 of 52" }).waitFor();
  expect((await main()).match(/waits-\d\d/g)).toEqual(ids.slice(0, 50));
  await lookAtPage(page, "thoroughly");
  await page.getByRole("link", { name: "waits-07" }).click();
  await page.getByText("What happened").waitFor();
  expect(await main()).toContain("waits-07");
  await page.goto("/");
  await page.locator("[data-live=figures] a", { hasText: /^52$/ }).click();
  await page.getByRole("heading", { name: "Waiting: the oldest 50 of 52" }).waitFor();
  await page.goto("/queue?show=active");
  expect(await main()).toContain("Consumers have no event in hand now.");
  await page.goto("/queue?show=everything");
  expect(await main()).not.toContain("waits-00");
  expect(visiting.faults).toEqual([]);
});

test("what consumers have in hand is listed too", async () => {
  let end = (): void => {};
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  startWorker(() => held);
  await openUntil(page, "/queue", (text) => /\b1 consumer\b[\s\S]*\b1 active/.test(text));
  await page.getByRole("link", { name: "1 active" }).click();
  await page.getByRole("heading", { name: "Active: 1", exact: true }).waitFor();
  expect((await main()).match(/waits-\d\d/g)).toEqual(["waits-00"]);
  await openUntil(page, "/reports?q=waits-00", (text) => text.includes("waits-00"));
  expect(await consumerOf("waits-00")).toBe("active");
  end();
});

test("failures without a code lead from Overview to themselves, and not to what made no event", async () => {
  await deliver({ "X-Mms-Message-ID": "no-code-1", "X-Mms-MM-Status-Code": "Expired" });
  await deliver({ "X-Mms-Message-ID": "code-1", "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" });
  await openUntil(page, "/", (text) => /no code\s+1\b/.test(text));
  await page.locator("tr", { hasText: "no code" }).getByRole("link", { name: "1", exact: true }).click();
  await page.waitForURL("**/reports?disposition=failure&code=none&since=1h");
  // What is counted is traced a second later.
  await page.getByText("no-code-1").waitFor();
  expect(await page.locator("tbody tr").allInnerTexts()).toEqual([expect.stringContaining("no-code-1")]);
  await page.goto("/reports?code=none");
  expect(await main()).not.toMatch(/[^-]code-1\b|illegible/);
  expect(visiting.faults).toEqual([]);
});

test("when a consumer was last seen is told also by who was started since, with how to connect one", async () => {
  await openUntil(page, "/queue", (text) => /No consumer is connected[\s\S]*Last seen \d+ (s|min) ago\./.test(text));
  const other = await startServiceWithin({ REDIS_URL: redis.url, MM4D_ADMIN_TOKEN: TOKEN });
  try {
    const there = await visitLoggedIn(browser, other);
    await eventually(
      async () => {
        await there.page.goto("/queue");
        return there.page.locator("main").innerText();
      },
      (text) => /No consumer is connected[\s\S]*Last seen \d+ (s|min) ago\./.test(text),
    );
    await there.page.getByText("How to connect a consumer").click();
    const shown = await there.page.locator("pre.code").innerText();
    await lookAtPage(there.page, "thoroughly");
    // It does what it says, as it stands there.
    await deliver({ "X-Mms-Message-ID": "printed" });
    const example = spawn(process.execPath, ["--input-type=module", "--eval", shown], {
      env: { ...process.env, REDIS_URL: redis.url },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    example.stdout.on("data", (bytes) => {
      printed += bytes;
    });
    try {
      await eventually(
        async () => printed,
        (text) => /^printed delivered$/m.test(text),
      );
    } finally {
      example.kill();
    }
    await there.page.reload();
    await there.page.getByRole("link", { name: /^\d+ consumed$/ }).click();
    await there.page.waitForURL(`**/queue/board/queue/${QUEUE}?status=completed`);
    await there.page.getByText("mm4d.delivery-report.v1").first().waitFor();
    expect(there.faults).toEqual([]);
    await there.page.context().close();
  } finally {
    await other.stop();
  }
});

test("where the trace is off, every page that shows reports says so, and which setting turns it on", async () => {
  const off = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_QUEUE_PREFIX: "off",
    MM4D_TRACE_HOURS: "0",
    MM4D_ADMIN_TOKEN: TOKEN,
  });
  try {
    const there = await visitLoggedIn(browser, off);
    for (const path of ["/", "/reports", "/reports?q=x", "/reports?code=470", "/reports/x"]) {
      await there.page.goto(path);
      const text = await there.page.locator("main").innerText();
      expect([path, text]).toEqual([path, expect.stringMatching(/the trace is off: MM4D_TRACE_HOURS is 0\.\s+Set it/)]);
      await lookAtPage(there.page);
    }
    expect(there.faults.filter((fault) => !fault.includes("404"))).toEqual([]);
    await there.page.context().close();
  } finally {
    await off.stop();
  }
});
