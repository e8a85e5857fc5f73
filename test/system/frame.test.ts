/** What every page has, in a real browser: search, keys, copying, times, the state in the tab; and Overview, which is live. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lookAtPage, mainOf, openUntil, startBrowser, TOKEN, type Visit, visitLoggedIn } from "../support/browser.ts";
import { type Carrier, type Carriers, createCarriers } from "../support/carrier.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";

const HOSTILE = '"><img src=x onerror=alert(1)>\u202e';

let browser: Browser;
let redis: TestRedis;
let carriers: Carriers;
let first: Carrier;
let service: ServiceUnderTest;
let visiting: Visit;
let page: Page;

beforeAll(async () => {
  [browser, redis] = [await startBrowser(), await startRedis()];
  carriers = createCarriers();
  first = await carriers.add("first");
  await carriers.add("silent");
  carriers.write();
  service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: carriers.peersFile,
    MM4D_ADMIN_TOKEN: TOKEN,
    MM4D_QUARANTINE_MAX_MESSAGES: "20",
  });
  visiting = await visitLoggedIn(browser, service);
  page = visiting.page;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
});
afterAll(async () => {
  expect(visiting.faults).toEqual([]);
  await browser.close();
  await service.stop();
  await carriers.stop();
  await redis.stop();
});

async function deliver(id: string, fields: Parameters<typeof deliveryReport>[0] = {}): Promise<void> {
  const said = await first.deliver(service.smtpPort, deliveryReport({ "X-Mms-Message-ID": id, ...fields }));
  expect(said).toMatch(/^250 /);
}

const REJECTED = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };
const main = () => mainOf(page);
/** Without how long ago something was, because that goes on. */
const focused = async () =>
  (await page.evaluate<string>("document.activeElement.outerHTML")).replace(/>[^<]* ago</g, ">ago<");
/** From here on {@link heard} tells what is said to who cannot see the page. */
const listen = () =>
  page.evaluate(`window.heard = [];
    const said = document.getElementById("said");
    new MutationObserver(() => window.heard.push(said.textContent)).observe(said, { childList: true });`);
const heard = () => page.evaluate<string[]>("window.heard");
const latest = () => page.locator("tbody[data-live-rows] tr");
const times = (name: string) => page.locator(`.figures .card`, { hasText: name });

test.each([
  ["/", /All is well[\s\S]*No failures in the last hour[\s\S]*silent[\s\S]*No reports yet\.\s+Send some/],
  ["/reports", /No reports yet\.\s+Send one with/],
  ["/trace?q=nobody", /It may be older than MM4D_TRACE_HOURS/],
  ["/queue", /No consumer is connected[\s\S]*How to connect a consumer/],
  ["/peers", /silent[\s\S]*nothing yet[\s\S]*No stranger was refused/],
  ["/peers/silent", /No report of silent was counted[\s\S]*Owed: none/],
  ["/codes", /No report had a code in these 7 days/],
  ["/codes/470", /No report had it in the last 30 days/],
  ["/quarantine", /every message could be read/],
])("%s of a system in which nothing has come says so, and what to do first", async (path, says) => {
  await openUntil(page, path, (text) => says.test(text));
  await lookAtPage(page, path === "/" ? "everyWay" : "quickly");
});

test("what comes is on Overview without a reload: rows, figures, codes, peers and the chart", async () => {
  await page.goto("/");
  // While all is well.
  expect(await page.title()).toBe("Overview · mm4d");
  await page.evaluate("window.loaded = 'once'");
  await deliver("seen-1", REJECTED);
  await latest().filter({ hasText: "seen-1" }).waitFor();
  await eventually(main, (text) => /470 rejected-spam-detected\s+1\s+100 %/.test(text));
  await eventually(
    () => times("Success, 1 h").innerText(),
    (text) => /0 %[\s\S]*1 failure/.test(text),
  );
  await eventually(
    () => times("Events waiting").innerText(),
    (text) => /\n1\n/.test(text),
  );
  expect(await times("Consumers").innerText()).toMatch(/\n0\n+0 failed/);
  await eventually(
    () => page.locator(".u-legend").innerText(),
    (text) => /failure:?\s*1/.test(text),
  );
  expect(await page.locator("tbody tr", { hasText: "first" }).first().innerText()).toMatch(
    /first[\s\S]*\b1\b[\s\S]*0 %/,
  );
  expect(await page.evaluate("window.loaded")).toBe("once");
  await lookAtPage(page, "thoroughly");
});

test("paused rows wait until they are resumed; ten stay, the newest first", async () => {
  await page.goto("/");
  await page.getByRole("button", { name: "Pause" }).click();
  for (let count = 0; count < 12; count += 1) await deliver(`held-${count}`);
  await page.getByRole("button", { name: "Resume (12 new)" }).waitFor();
  expect(await latest().count()).toBe(1);
  await page.getByRole("button", { name: "Resume (12 new)" }).click();
  expect(await latest().count()).toBe(10);
  expect(await latest().first().innerText()).toContain("held-11");
  expect(await latest().nth(9).innerText()).toContain("held-2");
  // A stream that begins anew tells what is there already.
  await page.reload();
  await deliver("after-reload");
  await latest().filter({ hasText: "after-reload" }).waitFor();
  expect(await latest().count()).toBe(10);
  expect(await latest().first().innerText()).toContain("after-reload");
  expect(await latest().filter({ hasText: "held-11" }).count()).toBe(1);
});

test("from Overview to one report of a code in two clicks", async () => {
  await page.goto("/");
  await page.locator("tbody tr", { hasText: "rejected-spam-detected" }).first().locator("a.count").click();
  await page.waitForURL(/\/reports\?.*code=470/);
  await page.locator("main tbody tr a.open").first().click();
  await page.waitForURL(/\/reports\/r[0-9a-f]+$/);
  expect(await main()).toContain("seen-1");
});

test("keys: / searches, j and k go through the rows, Enter opens one, Esc goes back, ? tells them", async () => {
  await page.goto("/reports?peer=first");
  await page.keyboard.press("/");
  expect(await focused()).toContain('id="find"');
  // What is typed into a field is no command.
  await page.keyboard.type("j?");
  expect(await page.locator("#keys").isVisible()).toBe(false);
  await page.keyboard.press("Escape");
  expect(await focused()).toMatch(/^<body/);

  const opened = () => page.evaluate<string>("document.activeElement.href");
  await page.keyboard.press("j");
  const one = await opened();
  await page.keyboard.press("j");
  expect(await opened()).not.toBe(one);
  await page.keyboard.press("k");
  expect(await opened()).toBe(one);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/reports\/r/);
  await page.keyboard.press("Escape");
  // With its filters, as it was left.
  await page.waitForURL("**/reports?peer=first");

  await page.keyboard.press("?");
  expect(await page.locator("#keys").innerText()).toContain("Next row");
  await page.keyboard.press("Escape");
  expect(await page.locator("#keys").isVisible()).toBe(false);
  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  expect(await page.locator("#keys").isVisible()).toBe(true);
  await page.getByRole("button", { name: "Close" }).click();
});

test("keys of one character can be turned off, and stay so; Esc and the buttons go on working", async () => {
  const told = () => page.locator("[aria-keyshortcuts]").count();
  await page.goto("/reports?peer=first");
  expect(await told()).toBe(2);
  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  await page.getByRole("checkbox", { name: "Keys of one character" }).uncheck();
  await lookAtPage(page);
  await page.getByRole("button", { name: "Close" }).click();
  for (const loaded of ["before", "and after"]) {
    for (const key of ["/", "j", "k", "?"]) await page.keyboard.press(key);
    expect([loaded, await page.evaluate("document.activeElement.id || document.activeElement.tagName")]).toEqual([
      loaded,
      loaded === "before" ? "show-keys" : "BODY",
    ]);
    expect([loaded, await page.locator("#keys").isVisible(), await told()]).toEqual([loaded, false, 0]);
    await page.reload();
  }
  await page.locator("#find").focus();
  await page.keyboard.press("Escape");
  expect(await focused()).toMatch(/^<body/);
  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  await page.getByRole("checkbox", { name: "Keys of one character" }).check();
  await page.keyboard.press("Escape");
  expect(await told()).toBe(2);
  await page.keyboard.press("?");
  expect(await page.locator("#keys").isVisible()).toBe(true);
  await page.getByRole("button", { name: "Close" }).click();
});

test("a click on a row opens it, and one on its copy button copies the whole id", async () => {
  await page.goto("/reports?code=470");
  const row = page.locator("main tbody tr").first();
  await listen();
  const copy = row.getByRole("button", { name: "Copy seen-1" });
  await copy.click();
  await eventually(heard, (all) => all.join() === "Copied");
  expect(await page.evaluate("navigator.clipboard.readText()")).toBe("seen-1");
  expect(new URL(page.url()).pathname).toBe("/reports");
  // Where the browser has no clipboard.
  await page.evaluate("navigator.clipboard.writeText('')");
  await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
  await eventually(heard, (all) => all.join() === "Copied,");
  await copy.click();
  await eventually(heard, (all) => all.join().startsWith("Copied,,Copied"));
  expect(await focused()).toContain('data-copy="seen-1"');
  await row.locator("td").nth(2).click();
  await page.waitForURL(/\/reports\/r/);
  await page.locator("summary", { hasText: /^Event$/ }).click();
  await listen();
  await page.getByRole("button", { name: "Copy the event" }).click();
  await eventually(heard, (all) => all[0] === "Copied");
  for (const name of ["Job", "Session"]) {
    const id = page.locator("dt", { hasText: new RegExp(`^${name}$`) }).locator("+ dd");
    expect(await id.locator("[data-copy]").getAttribute("data-copy")).toBe(await id.locator("code").innerText());
  }
});

test("an id is copied as it is, also where a part of it cannot be seen", async () => {
  const id = 'odd-\u200b"&amp;';
  await deliver(id);
  await openUntil(page, "/reports?peer=first", (text) => text.includes("odd-\\u200b"));
  await listen();
  await page.getByRole("button", { name: "Copy odd-" }).click();
  await eventually(heard, (all) => all[0] === "Copied");
  expect(await page.evaluate("navigator.clipboard.readText()")).toBe(id);
});

test("the search box finds an id on every page, and shows what is hostile as it is", async () => {
  await page.goto("/codes");
  await page.keyboard.press("/");
  await page.keyboard.type("seen-1");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/reports/);
  await eventually(main, (text) => text.includes("seen-1"));
  await page.goto(`/reports?q=${encodeURIComponent(HOSTILE)}`);
  expect(await page.locator("#find").inputValue()).toBe(HOSTILE.replace("\u202e", "\\u202e"));
});

test("times are relative, exact under the pointer, and in UTC or by this computer's clock, as chosen", async () => {
  await page.clock.install();
  await page.goto("/reports?code=470");
  const time = page.locator("main tbody time").first();
  expect(await time.innerText()).toMatch(/^\d+ (s|min) ago$/);
  await page.clock.fastForward(3_600_000);
  expect(await time.innerText()).toBe("1 h ago");
  const at = (await time.getAttribute("datetime")) ?? "";
  expect(await time.getAttribute("title")).toBe(`${at.replace("T", " ").replace("Z", "")} UTC`);
  await page.getByRole("button", { name: "UTC", exact: true }).click();
  await page.reload();
  expect(await page.locator("#times").innerText()).toBe("Local time");
  expect(await time.getAttribute("title")).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ local time$/);
  await page.locator("#times").click();
  expect(await time.getAttribute("title")).toContain("UTC");
});

test("on a phone the page that one is on is seen among the pages, which scroll sideways", async () => {
  const size = page.viewportSize() ?? { width: 1280, height: 900 };
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/quarantine");
  const here = page.locator(".bar [aria-current]");
  await eventually(
    () => here.boundingBox(),
    (box) => box !== null && box.x >= 0 && box.x + box.width <= 390,
  );
  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  expect(await page.locator("#keys").isVisible()).toBe(true);
  await page.keyboard.press("Escape");
  await page.setViewportSize(size);
});

test("an unknown address is told in the layout; to whoever asks not for people, in a line", async () => {
  await page.goto("/nowhere");
  expect(await main()).toContain("No page has this address.");
  expect(await page.getByRole("navigation", { name: "Pages" }).isVisible()).toBe(true);
  visiting.faults.length = 0; // The browser tells of the 404.
  expect(await service.get("/nowhere")).toEqual({ status: 404, text: expect.stringContaining("/metrics") });
});

test("without JavaScript every page is whole, and has no button that does nothing", async () => {
  const plain = await browser.newContext({
    baseURL: `http://127.0.0.1:${service.adminPort}`,
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  const still = await plain.newPage();
  await still.goto("/");
  expect(await still.locator("main").innerText()).toMatch(/after-reload[\s\S]*held-11/);
  const buttons = await still.locator("button:visible").allInnerTexts();
  expect(buttons).toEqual(["Show numbers", "Log out"]);
  await plain.close();
});

test("what is wrong is in the tab's title and icon, and in the banner with what to do and where; on every page", async () => {
  // No peer has more than half of what the others leave.
  for (let count = 0; count < 9; count += 1) await deliver(`kept-${count}`, { "X-Mms-MM-Status-Code": undefined });
  await page.goto("/codes");
  await eventually(
    () => page.title(),
    (title) => title === "▲ Needs attention · Codes · mm4d",
  );
  expect(await page.locator("#quarantined").innerText()).toMatch(/^\d+$/);
  expect(await page.locator("#icon").getAttribute("href")).toContain("e0a000");
  await page.goto("/");
  const reason = page.locator(".banner li", { hasText: "quarantine" });
  expect(await reason.innerText()).toMatch(/nearly used up[\s\S]*Empty it/);
  await lookAtPage(page, "thoroughly");
  await reason.getByRole("link", { name: "Quarantine" }).click();
  await page.waitForURL("**/quarantine");
  // Beside its box nothing is opened, because one may have missed it; elsewhere the row is.
  const row = page.locator("main tbody tr").first();
  await row
    .getByRole("checkbox")
    .locator("..")
    .click({ position: { x: 1, y: 1 } });
  expect(new URL(page.url()).pathname).toBe("/quarantine");
  await row.locator("td", { hasText: "no-status" }).click();
  await page.waitForURL(/\/quarantine\/./);

  await page.goto("/");
  await redis.kill();
  await eventually(
    () => page.title(),
    (title) => title === "✕ Not well · Overview · mm4d",
  );
  expect(await page.locator("#icon").getAttribute("href")).toContain("d13228");
  await eventually(main, (text) => /Redis has been away[\s\S]*not known while Redis is away/.test(text));
  await page.goto("/");
  await eventually(main, (text) => /Redis has been away[\s\S]*No chart: Redis has been away/.test(text));
  await lookAtPage(page, "thoroughly");
  visiting.faults.length = 0;
  await redis.start();
  await page.locator(".banner:not(.not-well)").waitFor();
});

test("a page that is not in front holds no stream, and its tab says how things are all the same", async () => {
  await page.clock.install();
  await page.goto("/codes");
  await page.waitForTimeout(500);
  await page.evaluate("document.title = ''");
  await page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })");
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  const asked = page.waitForResponse("**/glance");
  await page.clock.fastForward(21_000);
  await asked;
  await eventually(
    () => page.title(),
    (title) => title.endsWith("Codes · mm4d"),
  );
  const opened = page.waitForRequest("**/live?*");
  await page.evaluate("Object.defineProperty(document, 'hidden', { value: false, configurable: true })");
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  await opened;
});

test("who has been logged out elsewhere is told that the page is live no more", async () => {
  await page.goto("/");
  const elsewhere = await page.context().newPage();
  await elsewhere.goto("/codes");
  await elsewhere.getByRole("button", { name: "Log out" }).click();
  await page.locator("#lost").waitFor();
  expect(await page.title()).toBe("? Not live · Overview · mm4d");
  visiting.faults.length = 0; // The browser tells of the 401.
});
