/** The operators' page in a real browser: each page, of a system that is busy or broken; and what can be clicked. An empty one: frame.test.ts. */

import { Queue } from "bullmq";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { logIn, lookAtPage, startBrowser, type Visit, visit } from "../support/browser.ts";
import { type Carrier, createCarriers } from "../support/carrier.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, eventOf, PEER } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";

/** Of a realistic mix. `npm run test:long` sends 100,000. */
const REPORTS = Number(process.env.REPORTS ?? 400);
const TOKEN = "correct horse battery staple";
const [MENDED, BROKEN] = [`j${"0".repeat(32)}`, `j${"1".repeat(32)}`];
const PAGES = [
  "/",
  "/?span=week",
  "/codes",
  "/codes?q=spam",
  "/codes/470",
  "/reports",
  "/reports?disposition=failure",
  "/reports?q=12025550100",
  "/queue",
  "/quarantine",
  "/peers",
  "/peers/first",
];

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

const base = (service: ServiceUnderTest): string => `http://127.0.0.1:${service.adminPort}`;
const unreadable = (id: string) => deliveryReport({ "X-Mms-MM-Status-Code": undefined, "X-Mms-Message-ID": id });

interface System {
  readonly redis: TestRedis;
  readonly service: ServiceUnderTest;
  readonly carrier: Carrier;
  stop(): Promise<void>;
}

async function startSystem(settings: Readonly<Record<string, string>> = {}): Promise<System> {
  const redis = await startRedis();
  const carriers = createCarriers();
  const carrier = await carriers.add("first");
  carriers.write();
  const service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: carriers.peersFile,
    // So that "mm4d send" can be the carrier.
    MM4D_PROXIES: "127.0.0.1",
    MM4D_ADMIN_TOKEN: TOKEN,
    ...settings,
  });
  return {
    redis,
    service,
    carrier,
    async stop() {
      await service.stop();
      await carriers.stop();
      await redis.stop();
    },
  };
}

/** Realistic: most delivered, some deferred before, some failed for the usual reasons, few that nobody can read. */
async function makeBusy({ service, carrier }: System): Promise<void> {
  const mix = [
    ["delivered", 0.7],
    ["deferred-then-delivered", 0.1],
    ["failed", 0.16],
    ["duplicate", 0.02],
    ["conflict", 0.01],
    ["malformed", 0.01],
  ] as const;
  for (const [scenario, share] of mix) {
    const messages = String(Math.max(4, Math.round(REPORTS * share)));
    const args = [
      "send",
      "--scenario",
      scenario,
      "--messages",
      messages,
      "--connections",
      "8",
      "--proxy",
      carrier.address,
    ];
    const sent = await runCommandWithin(args, service.env);
    expect([scenario, sent.code, sent.stderr]).toEqual([scenario, 0, sent.stderr]);
  }
}

test("a broken system: the page says in words what is wrong, and works as far as it can", async () => {
  const system = await startSystem({ MM4D_QUARANTINE_MAX_MESSAGES: "6" });
  const { service, carrier, redis } = system;
  for (let index = 0; index < 3; index += 1) await carrier.deliver(service.smtpPort, unreadable(`kept-${index}`));
  await service.metric("mm4d_quarantine_messages", (count) => count === 3);
  expect(await carrier.deliver(service.smtpPort, unreadable("one-more"))).toMatch(/^451 /);
  const { page, faults } = await visit(browser, base(service));
  await logIn(page, TOKEN);
  await page.goto("/quarantine");
  await lookAtPage(page);
  await page.goto("/");
  // Live, like all of the banner: nobody reloads the page.
  await page
    .locator(".banner:not(.well)")
    .getByText(/no room for messages of \w+.* \(in all 3 of 6 messages/)
    .waitFor();
  await lookAtPage(page, "thoroughly");

  await redis.kill();
  await carrier.deliver(service.smtpPort, deliveryReport());
  // Not that relays see no difference: those of messages that cannot be read do.
  await page
    .locator(".banner.not-well")
    .getByText(/^Redis has been away for .* 1 report waits in the journal \([^;]*\)\. /)
    .waitFor();
  await lookAtPage(page);
  expect(faults).toEqual([]);
  for (const path of [
    "/codes",
    "/trace?q=x",
    "/quarantine",
    "/peers",
    "/peers/first",
    "/queue",
    "/queue/board/",
    "/codes/470",
    "/?span=day",
  ]) {
    await page.goto(path);
    expect([path, await page.locator("main").innerText()]).toEqual([
      path,
      expect.stringContaining("Redis has been away"),
    ]);
  }
  await lookAtPage(page);
  await redis.start();
  await page.goto("/");
  await page.locator(".banner:not(.well)", { hasNotText: "Redis has been away" }).waitFor();

  // What was first asked of a Redis that hung works when it does not hang any more.
  redis.signal("SIGSTOP");
  const asked = await Promise.all(
    ["/peers/first", "/queue/board/"].map((path) => page.request.get(path).then((response) => response.status())),
  );
  expect(asked.filter((status) => status < 500)).toEqual([]);
  redis.signal("SIGCONT");
  for (const path of ["/peers/first", "/queue", "/queue/board/", "/queue/board/api/queues"]) {
    await eventually(
      async () => [path, (await page.request.get(path)).status()],
      ([, status]) => status === 200,
    );
  }
  await page.context().close();
  await system.stop();
});

describe("a busy system", () => {
  let system: System;
  let visiting: Visit;
  let page: Page;
  beforeAll(async () => {
    system = await startSystem();
    await makeBusy(system);
    await system.service.metric("mm4d_journal_records", (records) => records === 0);
    visiting = await visit(browser, base(system.service));
    page = visiting.page;
  }, 600_000);
  afterAll(async () => {
    expect(visiting.faults).toEqual([]);
    await system.stop();
  });
  const main = () => page.locator("main").innerText();

  test("every page, on a desk and on a phone, light and dark", async () => {
    const { page: other, faults } = await visit(browser, base(system.service));
    await other.goto("/login");
    await lookAtPage(other, "everyWay");
    await logIn(other, TOKEN);
    for (const path of PAGES) {
      await other.goto(path);
      await lookAtPage(other, "everyWay");
    }
    // The board is not ours.
    await other.goto("/queue/board/");
    await other.getByRole("link", { name: "mm4-delivery-events" }).first().waitFor();
    expect(faults).toEqual([]);
    await other.context().close();
  });

  test("only who knows the token is let in, to where they wanted", async () => {
    await page.goto("/codes/470");
    expect(new URL(page.url()).pathname).toBe("/login");
    const refused = page.waitForResponse((response) => response.status() === 403);
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Log in" }).click();
    await refused;
    expect(await main()).toContain("That is not the token");
    visiting.faults.length = 0; // The browser tells of the 403.
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL("**/codes/470");
    expect(await main()).toMatch(/470 rejected-spam-detected[\s\S]*first\s+rejected\s+\d+/);
  });

  test("Overview follows what comes, by itself, and the charts show it", async () => {
    await page.goto("/");
    await system.carrier.deliver(system.service.smtpPort, deliveryReport({ "X-Mms-Message-ID": "seen-live" }));
    await page.locator("tbody[data-live-rows] tr", { hasText: "seen-live" }).waitFor();
    await eventually(main, (text) => /first[^\n]*[0-3] s ago/.test(text));
    for (const span of ["Day", "Week", "Hour"]) {
      await page.getByRole("link", { name: span, exact: true }).click();
      await page.locator(".chart canvas").waitFor();
      const chart = await page.evaluate(
        "fetch(document.querySelector('[data-chart]').dataset.chart).then((r) => r.json())",
      );
      const { series, times } = chart as { series: { name: string; counts: number[] }[]; times: number[] };
      const success = series.find(({ name }) => name === "success")?.counts ?? [];
      expect(success.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(REPORTS * 0.7);
      expect(times.length).toBe({ Day: 24, Week: 168, Hour: 60 }[span]);
    }
    for (const layers of ["Peer", "Code"]) {
      await page.getByRole("link", { name: layers, exact: true }).click();
      await page.locator(".chart canvas").waitFor();
    }
    expect(await page.locator(".u-legend").innerText()).toMatch(/470/);
    // A bar leads to the reports from its time on.
    await page.locator(".chart .u-over").click({ position: { x: 100, y: 20 } });
    await page.waitForURL(/\/reports\?since=\d{4}-/);
  });

  test("a code is found by number, by its HTTP form and by a word", async () => {
    for (const wanted of ["470", "4470", "spam"]) {
      await page.goto("/codes");
      await page.getByLabel("Code, range, or word").fill(wanted);
      await page.getByRole("button", { name: "Search" }).click();
      await page.getByText(/\d+ found/).waitFor();
      await page.getByRole("link", { name: "470", exact: true }).click();
      await page.waitForURL("**/codes/470");
    }
  });

  test("a report is traced by number; the number is masked until it is asked for, and then again", async () => {
    await system.carrier.report(system.service.smtpPort, "tx-page", {
      From: "+12025550155/TYPE=PLMN",
      "X-Mms-Message-ID": "page-1",
      "X-Mms-Note": "<script>alert(1)</script>",
    });
    await system.carrier.responses("tx-page");
    await page.goto("/codes");
    await page.keyboard.press("/");
    await page.keyboard.type("+1 (202) 555-0155");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/reports?q=**");
    await page.locator("tbody a.open").click();
    await eventually(
      async () => {
        await page.reload();
        return main();
      },
      (text) => text.includes("acknowledgement sent: 250"),
    );
    await page.getByText("Header as it came").click();
    await page.getByText("Event", { exact: true }).last().click();
    const masked = await main();
    expect(masked).toMatch(/delivered\s+success, final[\s\S]*received from first[\s\S]*put on the queue as job/);
    expect(masked).toContain("<script>alert(1)</script>");
    expect(masked).not.toContain("2025550155");
    await page.getByRole("button", { name: "Show numbers" }).click();
    await page.goto("/trace?q=page-1");
    await page.getByText("Header as it came").click();
    expect(await main()).toContain("From: +12025550155/TYPE=PLMN");
    await page.getByRole("button", { name: "Mask numbers" }).click();
    await page.goto("/trace?q=page-1");
    expect(await main()).not.toContain("12025550155");
  });

  test("a message in quarantine is replayed, one is dropped, and the rest in bulk", async () => {
    const bytes = deliveryReport({ "X-Mms-Message-ID": "mended" });
    const kept = new Queue(QUARANTINE_QUEUE, { connection: { url: system.redis.url, maxRetriesPerRequest: null } });
    for (const id of [MENDED, BROKEN]) {
      const raw = id === MENDED ? bytes : Buffer.concat([unreadable("binary"), Buffer.from([0, 1, 0xff])]);
      const message = {
        reason: "internal-error",
        detail: "Error: x",
        peer: { ...PEER, name: "first" },
        receivedAt: "2026-01-02T03:04:05.678Z",
      };
      await kept.add("internal-error", { ...message, raw: Buffer.from(raw).toString("base64") }, { jobId: id });
    }
    await page.goto(`/quarantine/${BROKEN}`);
    expect(await main()).toMatch(/a fault of ours[\s\S]*bytes that are not text/);
    await page.getByRole("button", { name: "Replay it" }).click();
    expect(await main()).toContain("0 messages replayed; 1 message still cannot be read, and stayed.");
    await page.goto(`/quarantine/${MENDED}`);
    await page.getByRole("button", { name: "Replay it" }).click();
    expect(await main()).toContain("1 message replayed.");
    expect(await kept.getJob(MENDED)).toBeUndefined();
    const expected = eventOf(bytes, {}, { ...PEER, name: "first" });
    await page.goto(`/trace?q=${expected.id}`);
    expect(await main()).toContain("put on the queue as job");

    await page.goto(`/quarantine/${BROKEN}`);
    await page.getByText("Drop it …").click();
    await page.getByRole("button", { name: "Drop it for good" }).click();
    expect(await main()).toContain("1 message dropped.");
    await page
      .getByText(/Drop \d+ messages? …/)
      .first()
      .click();
    await page
      .getByRole("button", { name: /Drop \d+ messages? for good/ })
      .first()
      .click();
    const replays = page.getByRole("button", { name: /Replay \d+ messages?/ });
    // What the page said before it left is like what it says now.
    await eventually(
      () => replays.count(),
      (count) => count === 1,
    );
    expect(await main()).toMatch(/\d+ messages? dropped\./);
    await replays.click();
    expect(await main()).toMatch(/0 messages replayed; \d+ messages? still cannot be read/);
    const lines = system.service.log().filter(({ event }) => String(event).startsWith("operator."));
    expect(lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        "operator.login",
        "operator.login-failed",
        "operator.numbers-shown",
        "operator.quarantine-replayed",
        "operator.quarantine-dropped",
      ]),
    );
    await kept.close();
  });

  test("an acknowledgement that its MMSC refused is sent again", async () => {
    const { carrier, service } = system;
    carrier.mmsc().misbehave({ kind: "5xx", at: "data", times: 1, delayMs: 0 });
    await carrier.report(service.smtpPort, "tx-refused");
    await service.metric('mm4d_acknowledgements_total{peer="first",result="failed"}', (count) => count === 1);
    await page.goto("/peers/first?show=undelivered");
    await lookAtPage(page);
    expect(await main()).toContain("tx-refused");
    carrier.mmsc().misbehave(undefined);
    await page.getByRole("button", { name: "Send again" }).click();
    expect(await main()).toContain("1 acknowledgement sent again.");
    await carrier.responses("tx-refused");
  });

  test("whoever logs out is out", async () => {
    await page.goto("/");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL("**/login");
    await page.goto("/quarantine");
    expect(new URL(page.url()).pathname).toBe("/login");
  });
});
