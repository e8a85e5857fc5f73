/** Peers, codes and the quarantine in a real browser: what each screen says, and what can be done there. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { statisticsKey } from "../../src/queue/statistics.ts";
import { logIn, lookAtPage, startBrowser, type Visit, visit } from "../support/browser.ts";
import { type Carrier, type Carriers, createCarriers } from "../support/carrier.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const TOKEN = "correct horse battery staple";
const HOUR_MS = 3_600_000;

const SECRET = "the secret of our login";
const directory = mkdtempSync(join(tmpdir(), "mm4d-screens-"));

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
  first = await carriers.add("first", { entry: { mailFromDomains: ["first.example"] } });
  const passwordFile = join(directory, "password");
  writeFileSync(passwordFile, SECRET);
  // It never sends.
  await carriers.add("second", {
    entry: { limits: { connections: 7 } },
    acknowledge: { auth: { user: "mm4d-user", passwordFile, withoutTls: true } },
  });
  carriers.write();
  service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: carriers.peersFile,
    MM4D_ADMIN_TOKEN: TOKEN,
    MM4D_QUARANTINE_MAX_MESSAGES: "20",
  });
  for (let count = 0; count < 6; count += 1)
    await deliver({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" });
  for (let count = 0; count < 2; count += 1)
    await deliver({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "775" });
  for (let count = 0; count < 4; count += 1) await deliver({});
  for (let count = 0; count < 3; count += 1)
    await deliver({ "X-Mms-MM-Status-Code": undefined, "X-Mms-Message-ID": `kept-${count}` });
  await service.metric("mm4d_quarantine_messages", (count) => count === 3);
  await service.metric("mm4d_journal_records", (count) => count === 0);
  // Of the day before: four of 470.
  const hour = new Date(Date.now() - 30 * HOUR_MS).toISOString().slice(0, "2026-01-01T00".length);
  await redis.call("HSET", `${statisticsKey("bull")}:hour:${hour}`, "first delivery-report rejected failure 470", "4");
  visiting = await visit(browser, `http://127.0.0.1:${service.adminPort}`);
  page = visiting.page;
  await logIn(page, TOKEN);
});
afterAll(async () => {
  expect(visiting.faults).toEqual([]);
  await browser.close();
  await service.stop();
  await carriers.stop();
  await redis.stop();
  rmSync(directory, { recursive: true });
});

let delivered = 0;
async function deliver(fields: Parameters<typeof deliveryReport>[0]): Promise<void> {
  delivered += 1;
  expect(
    await first.deliver(service.smtpPort, deliveryReport({ "X-Mms-Message-ID": `m-${delivered}`, ...fields })),
  ).toMatch(/^250 /);
}

async function look(path: string): Promise<void> {
  await page.goto(path);
  await lookAtPage(page, "thoroughly");
}

const main = () => page.locator("main").innerText();
const rowOf = (text: string) => page.locator("tbody tr", { hasText: text });

test("every peer is listed, also one that never sent; and strangers, with what they heard", async () => {
  expect(await first.deliver(service.smtpPort, deliveryReport(), "x@elsewhere.example")).toMatch(/^550 /);
  const stranger = await openSession(service.smtpPort, { from: "127.0.0.9" }).catch(() => null);
  stranger?.end();
  await look("/peers");
  expect(await rowOf("first").first().innerText()).toMatch(/first[\s\S]*\b12\b[\s\S]*33 %/);
  expect(await rowOf("second").innerText()).toMatch(/nothing for .*, since the start|nothing yet/);
  expect(await rowOf("127.0.0.9").innerText()).toContain("554 5.7.1 Your address is not a known peer's");
  expect(await rowOf("127.0.0.9").locator("[data-copy]").getAttribute("data-copy")).toBe("127.0.0.9");
  expect(await rowOf("first").first().getByRole("link", { name: "12" }).getAttribute("href")).toBe(
    "/reports?peer=first&since=1h",
  );
  await rowOf("first").first().getByRole("link", { name: "1", exact: true }).click();
  await page.waitForURL("**/peers/first#refusals");
  expect(await page.locator("#refusals").innerText()).toMatch(
    /550 5\.7\.1 Mail from this domain is not expected from you[\s\S]*elsewhere\.example/,
  );
});

test("a peer's page has its entry without secrets, its codes, and tests its MMSC", async () => {
  await look("/peers/first");
  expect(await main()).toMatch(/470 rejected-spam-detected\s+10/);
  expect(await main()).toContain("the reports that ask for it (acknowledge.mode auto)");
  await page.getByText("Its entry in force").click();
  expect(await main()).toContain('"mailFromDomains": [');
  expect(await main()).not.toContain("password");
  await page.getByRole("button", { name: "Test MMSC" }).click();
  expect(await main()).toMatch(/127\.0\.0\.1:\d+ answers in \d+ ms[\s\S]*nothing was sent/);
  // What answers a click cannot be come back to.
  await page.getByRole("button", { name: "Show numbers" }).click();
  await page.waitForURL("**/peers/first");
  await page.getByRole("button", { name: "Mask numbers" }).click();
  await look("/peers/second");
  await page.getByText("Its entry in force").click();
  expect(await main()).toMatch(/0 of 7[\s\S]*"user": "mm4d-user"/);
  expect(await page.content()).not.toMatch(new RegExp(`${SECRET}|"password"`));
  expect(await main()).toContain("No report of second was counted in the last 7 days");
  expect((await page.request.get("/peers/%3Cb%3E%2F..%2Fx", { headers: { accept: "text/html" } })).status()).toBe(404);
  expect((await page.request.get("/acknowledgements", { maxRedirects: 0 })).headers().location).toBe("/peers");
});

test("what a peer's MMSC refused is sent again, one or all", async () => {
  first.mmsc().misbehave({ kind: "5xx", at: "data", times: 3, delayMs: 0 });
  for (const id of ["tx-1", "tx-2", "tx-3"])
    await first.report(service.smtpPort, id, { "X-Mms-Message-ID": `mm-${id}` });
  await service.metric('mm4d_acknowledgements_total{peer="first",result="failed"}', (count) => count === 3);
  // They are counted anew every five seconds.
  await eventually(
    async () => {
      await page.goto("/peers");
      return main();
    },
    (text) => text.includes("3 undelivered"),
  );
  await rowOf("first").first().getByRole("link", { name: "3 undelivered" }).click();
  await page.waitForURL("**/peers/first?show=undelivered*");
  await lookAtPage(page, "thoroughly");
  expect(await page.locator('[data-copy="mm-tx-2"]').count()).toBe(1);
  first.mmsc().misbehave(undefined);
  await rowOf("tx-2").getByRole("button", { name: "Send again" }).click();
  expect(await main()).toContain("1 acknowledgement sent again.");
  await first.responses("tx-2");
  await page.goto("/peers/first?show=undelivered");
  await page.getByRole("button", { name: "Send all again" }).click();
  expect(await main()).toContain("2 acknowledgements sent again.");
  await first.responses("tx-1");
  await first.responses("tx-3");
  await eventually(
    async () => {
      await page.goto("/peers/first?show=sent");
      return main();
    },
    (text) => text.includes("tx-1") && text.includes("tx-2") && text.includes("tx-3"),
  );
  // Another peer's acknowledgements are not sent again from here.
  await page.goto("/peers/second?show=sent");
  expect(await main()).toContain("Sent: none.");
});

test("codes show how they went, against the day before, and lead to their reports", async () => {
  await look("/codes");
  const row = rowOf("rejected-spam-detected").first();
  expect(await row.innerText()).toMatch(/\b10\b[\s\S]*▲ 50 %[\s\S]*first 10/);
  expect(await row.locator("svg").getAttribute("aria-label")).toContain("at most 6 reports");
  expect(await row.getByRole("link", { name: "10" }).first().getAttribute("href")).toBe("/reports?code=470&since=7d");
  expect(await page.locator("details.hundred").count()).toBeGreaterThan(5);
  await page.locator("details.hundred", { hasText: "470" }).locator("summary").click();
  await lookAtPage(page, "thoroughly");
  await page.getByRole("link", { name: "470", exact: true }).last().click();
  await page.waitForURL("**/codes/470");
  await lookAtPage(page, "thoroughly");
  expect(await main()).toMatch(/first\s+rejected\s+\d+/);
  await look("/codes?q=nothinglikeit");
  expect(await main()).toContain("0 found.");
});

test("messages in quarantine are told apart, and several are replayed and dropped at once", async () => {
  await look("/quarantine");
  expect(await main()).toMatch(/3 of 20 messages[\s\S]*kept-2[\s\S]*kept-1[\s\S]*kept-0/);
  // The count of a reason leads to its messages.
  await look("/quarantine?reason=%3Cb%3Eno-such");
  expect(await main()).toMatch(/<b>no-such: Beyond the last of 0/);
  expect(await main()).not.toContain("kept-");
  await page.getByRole("link", { name: "3 messages", exact: true }).click();
  await page.waitForURL("**/quarantine?reason=no-status");
  expect(await main()).toMatch(/no-status: 1 to 3 of 3, newest first[\s\S]*kept-2[\s\S]*kept-1[\s\S]*kept-0/);
  await rowOf("kept-1").getByRole("link").first().click();
  await lookAtPage(page, "thoroughly");
  expect(await main()).toMatch(
    /Read again by the entry of first that is in force now, it makes no event: no-status[\s\S]*It has neither/,
  );
  await page.getByRole("button", { name: "Show numbers" }).click();
  const saving = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download as .eml" }).click();
  expect((await saving).suggestedFilename()).toMatch(/^j[0-9a-f]{32}\.eml$/);
  await page.getByRole("button", { name: "Mask numbers" }).click();
  await page.goto("/quarantine");
  for (const id of ["kept-0", "kept-2"]) await rowOf(id).getByRole("checkbox").check();
  await page.getByRole("button", { name: "Replay selected" }).click();
  expect(await main()).toContain("0 messages replayed; 2 messages still cannot be read, and stayed.");
  for (const id of ["kept-0", "kept-2"]) await rowOf(id).getByRole("checkbox").check();
  await page.getByText("Drop selected …").click();
  // As it is now, all of it can be reached on a phone.
  await lookAtPage(page);
  await page.getByRole("button", { name: "Drop selected for good" }).click();
  // A stream that was begun may tell for a second or two what it has told others.
  await eventually(main, (text) => /2 messages dropped\.[\s\S]*1 of 20 messages/.test(text));
  // Whoever goes back to the list is not told so again.
  await rowOf("kept-1").getByRole("link").first().click();
  await page.waitForURL(/\/quarantine\/./);
  await page.keyboard.press("Escape");
  await page.waitForURL(/\/quarantine$/);
  await page.getByText("Drop 1 message …").click();
  await page.getByRole("button", { name: "Drop 1 message for good" }).click();
  await eventually(main, (text) =>
    /0 of 20 messages \(0 %\); 0 kB[\s\S]*The quarantine is empty: every message could be read\./.test(text),
  );
  await lookAtPage(page);
});

test("while Redis is away each page says so, and shows what is known without it", async () => {
  await redis.kill();
  expect(await first.deliver(service.smtpPort, deliveryReport(), "x@elsewhere.example")).toMatch(/^550 /);
  await eventually(
    async () => {
      await page.goto("/peers");
      return main();
    },
    (text) => text.includes("What Redis counts cannot be shown: Redis has been away"),
  );
  await lookAtPage(page, "thoroughly");
  // Who was refused is known since the start.
  expect(await rowOf("second").first().innerText()).toContain("0 of 7");
  expect(await rowOf("127.0.0.9").innerText()).toContain("554 5.7.1");
  await page.goto("/peers/first");
  await lookAtPage(page, "thoroughly");
  expect(await main()).toMatch(
    /No counts can be shown: Redis[\s\S]*550 5\.7\.1[\s\S]*No acknowledgements can be shown: Redis/,
  );
  await page.getByText("Its entry in force").click();
  expect(await main()).toContain('"mailFromDomains": [');
  await look("/codes/470");
  expect(await main()).toMatch(/sender's registration[\s\S]*No counts can be shown: Redis/);
  await page.goto("/quarantine");
  expect(await main()).toContain("Redis has been away");
  // The browser tells of the 503.
  visiting.faults.length = 0;
  await redis.start();
});
