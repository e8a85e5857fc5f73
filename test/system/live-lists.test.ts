/** Peers, a peer, Codes and Quarantine in a real browser: what comes is shown without a reload, and not under one's hands. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { lookAtPage, mainOf, startBrowser, TOKEN, type Visit, visitLoggedIn } from "../support/browser.ts";
import { type Carrier, type Carriers, createCarriers } from "../support/carrier.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

let browser: Browser;
let redis: TestRedis;
let carriers: Carriers;
let first: Carrier;
let service: ServiceUnderTest;
let visiting: Visit;
let page: Page;
/** What the page has asked the server for since it was opened, besides its own files. */
let requests: string[] = [];

beforeAll(async () => {
  [browser, redis] = [await startBrowser(), await startRedis()];
  carriers = createCarriers();
  first = await carriers.add("first", { entry: { mailFromDomains: ["first.example"] } });
  carriers.write();
  service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: carriers.peersFile,
    MM4D_ADMIN_TOKEN: TOKEN,
    MM4D_QUARANTINE_MAX_MESSAGES: "100",
  });
  await deliver({ ...REJECTED });
  visiting = await visitLoggedIn(browser, service);
  page = visiting.page;
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (!pathname.startsWith("/assets/")) requests.push(pathname);
  });
});
afterAll(async () => {
  expect(visiting.faults).toEqual([]);
  await browser.close();
  await service.stop();
  await carriers.stop();
  await redis.stop();
});
beforeEach(() => page.mouse.move(0, 0));

const REJECTED = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };
const UNREADABLE = { "X-Mms-MM-Status-Code": undefined };

let delivered = 0;
async function deliver(fields: Parameters<typeof deliveryReport>[0] = {}): Promise<void> {
  delivered += 1;
  const report = deliveryReport({ "X-Mms-Message-ID": `m-${delivered}`, ...fields });
  expect(await first.deliver(service.smtpPort, report)).toMatch(/^250 /);
}

/** Opens a page, which from then on must not be loaded again. */
async function open(path: string): Promise<void> {
  requests = [];
  await page.goto(path);
  await page.evaluate("window.loaded = 'once'");
}

/** It was not loaded again, and has asked for nothing but itself, one stream and its chart. */
async function expectStillOpen(): Promise<void> {
  expect(await page.evaluate("window.loaded")).toBe("once");
  expect(requests.filter((path) => path !== "/chart")).toEqual([new URL(page.url()).pathname, "/live"]);
}

const main = () => mainOf(page);
const focused = () => page.evaluate<string>("document.activeElement.outerHTML");
const rowOf = (text: string) => page.locator("tbody tr", { hasText: text });

test("Peers: counts, the last report, owed acknowledgements, refusals and strangers come by themselves; the focus stays", async () => {
  await open("/peers");
  const row = rowOf("first").first();
  await row.getByRole("link", { name: "first" }).focus();
  await page.evaluate("document.activeElement.mark = 'the same'");
  const before = Number(await row.locator("[data-label='1 h']").innerText());
  await deliver({ ...REJECTED });
  await eventually(
    () => row.locator("[data-label='1 h']").innerText(),
    (text) => Number(text) === before + 1,
  );
  expect(await first.deliver(service.smtpPort, deliveryReport(), "x@elsewhere.example")).toMatch(/^550 /);
  (await openSession(service.smtpPort, { from: "127.0.0.9" }).catch(() => null))?.end();
  await eventually(
    () => row.locator("[data-label='Refused, 24 h']").innerText(),
    (text) => text === "1",
  );
  await rowOf("127.0.0.9").waitFor();
  first.mmsc().misbehave({ kind: "5xx", at: "data", times: 1, delayMs: 0 });
  await first.report(service.smtpPort, "tx-owed", { "X-Mms-Message-ID": "mm-owed" });
  await eventually(
    () => row.locator("[data-label='Acks owed']").innerText(),
    (text) => text === "1 undelivered",
  );
  expect(await page.evaluate("document.activeElement.mark")).toBe("the same");
  expect(await focused()).toContain("/peers/first");
  await expectStillOpen();
  await lookAtPage(page, "thoroughly");
});

test("a peer: its figures, outcomes, codes, refusals and acknowledgements come; what was opened stays open", async () => {
  await open("/peers/first");
  await page.getByText("Its entry in force").click();
  await page.mouse.move(0, 0);
  await deliver({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "775" });
  await rowOf("775").first().waitFor();
  expect(await first.deliver(service.smtpPort, deliveryReport(), "x@further.example")).toMatch(/^550 /);
  await eventually(main, (text) => text.includes("further.example"));
  first.mmsc().misbehave({ kind: "5xx", at: "data", times: 1, delayMs: 0 });
  await page.evaluate("window.loaded = undefined");
  await open("/peers/first?show=undelivered");
  await page.getByText("Its entry in force").click();
  await page.mouse.move(0, 0);
  await first.report(service.smtpPort, "tx-later", { "X-Mms-Message-ID": "mm-later" });
  await rowOf("mm-later").waitFor();
  expect(await main()).toContain("2 undelivered");
  expect(await main()).toContain('"mailFromDomains": [');
  await expectStillOpen();
});

test("Codes: counts come by themselves and the rows go where they belong; the focus and an opened hundred stay", async () => {
  await open("/codes");
  await page.locator("details.hundred", { hasText: "470" }).locator("summary").click();
  await page.mouse.move(0, 0);
  const row = page.locator("tr[data-key='775']");
  await row.getByRole("link", { name: "775", exact: true }).focus();
  const order = () => page.locator("[data-live='code-counts'] tbody th a").allInnerTexts();
  expect(await order()).toEqual(["470", "775"]);
  for (let count = 0; count < 8; count += 1)
    await deliver({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "775" });
  await eventually(order, (codes) => codes.join() === "775,470");
  expect(await row.locator(".reports").innerText()).toBe("9");
  expect(await focused()).toContain("/codes/775");
  expect(await page.locator("details.hundred[open]").count()).toBe(1);
  await expectStillOpen();
});

test("Quarantine: what comes is listed, but not while a box is checked: that stays checked, and the fill goes on", async () => {
  await deliver({ ...UNREADABLE, "X-Mms-Message-ID": "kept-0" });
  await service.metric("mm4d_quarantine_messages", (count) => count === 1);
  await open("/quarantine");
  await deliver({ ...UNREADABLE, "X-Mms-Message-ID": "kept-1" });
  await rowOf("kept-1").waitFor();
  expect(await main()).toMatch(/2 of 100 messages[\s\S]*Replay 2 messages[\s\S]*1 to 2 of 2[\s\S]*kept-1[\s\S]*kept-0/);

  await rowOf("kept-0").getByRole("checkbox").check();
  await page.mouse.move(0, 0);
  await deliver({ ...UNREADABLE, "X-Mms-Message-ID": "kept-2" });
  await page.getByText("They are shown as soon as no box is checked.").waitFor();
  await eventually(main, (text) => text.includes("3 of 100 messages"));
  expect(await rowOf("kept-2").count()).toBe(0);
  expect(await rowOf("kept-0").getByRole("checkbox").isChecked()).toBe(true);
  await rowOf("kept-0").getByRole("checkbox").uncheck();
  await page.mouse.move(0, 0);
  await rowOf("kept-2").waitFor();
  expect(await page.getByText("They are shown as soon as no box is checked.").isVisible()).toBe(false);

  // With the keyboard in the list, and with the question before dropping open, rows come above.
  await page.getByText("Drop selected …").click();
  await page.mouse.move(0, 0);
  await rowOf("kept-0").getByRole("checkbox").focus();
  await deliver({ ...UNREADABLE, "X-Mms-Message-ID": "kept-3" });
  await rowOf("kept-3").waitFor();
  expect(await focused()).toContain(await rowOf("kept-0").getByRole("checkbox").inputValue());
  expect(await page.getByRole("button", { name: "Drop selected for good" }).isVisible()).toBe(true);
  await expectStillOpen();
  await lookAtPage(page, "thoroughly");
  // What was dropped elsewhere goes.
  const elsewhere = await page.context().newPage();
  await elsewhere.goto("/quarantine");
  await elsewhere.locator("tbody tr", { hasText: "kept-1" }).getByRole("checkbox").check();
  await elsewhere.getByText("Drop selected …").click();
  await elsewhere.getByRole("button", { name: "Drop selected for good" }).click();
  // Not closed before it was answered, which Chromium sometimes never ends.
  await elsewhere.waitForURL("**/quarantine?dropped=1");
  await elsewhere.close();
  await rowOf("kept-1").waitFor({ state: "detached" });
});

test("while Redis is away the pages say so, and go on by themselves when it is back", async () => {
  await open("/peers/first");
  await redis.kill();
  await eventually(main, (text) =>
    /No counts can be shown: Redis[\s\S]*No acknowledgements can be shown: Redis/.test(text),
  );
  await redis.start();
  await eventually(main, (text) => !text.includes("Redis has been away"));
  await expectStillOpen();
});
