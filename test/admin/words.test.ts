/** What pages say of rates, shares, times that have passed, and of clients that were refused. */
import { Hono } from "hono";
import { expect, test } from "vitest";
import { figures, rate } from "../../src/admin/figures.ts";
import type { Login, PageEnv } from "../../src/admin/login.ts";
import type { Operations, RefusedClient } from "../../src/admin/operations.ts";
import type { Operator } from "../../src/admin/operator.ts";
import { peersCard } from "../../src/admin/overview-cards.ts";
import { refusalTable } from "../../src/admin/peer-words.ts";
import { queuePage } from "../../src/admin/queue-page.ts";
import type { Tally } from "../../src/delivery/tally.ts";

test.each([
  [0, "0/s"],
  [1, "1 a minute"],
  [59, "59 a minute"],
  [60, "1.0/s"],
  [599, "10.0/s"],
  [600, "10/s"],
  [90_000, "1,500/s"],
])("%s reports in a minute are %s", (perMinute, words) => {
  expect(rate(perMinute)).toBe(words);
});

test.each([
  [51, "▲ 1 point against 24 h"],
  [52, "▲ 2 points against 24 h"],
  [49, "▼ 1 point against 24 h"],
  [50, "as in the last 24 h"],
])("of a day's 50 % an hour's %s % are %s", (percent, words) => {
  const now = new Date("2026-01-10T12:34:56Z");
  const tallies = (successes: number): readonly Tally[] =>
    [
      ["success", 100 * successes],
      ["failure", 100 * (100 - successes)],
    ].map(([disposition, reports]) => ({
      ...{ from: now, peer: "carrier", type: "delivery-report", outcome: "delivered" as const, code: "none" },
      ...{ disposition: disposition as Tally["disposition"], reports: Number(reports) },
    }));
  const facts = { reportsLastMinute: 1_234, events: undefined, further: [] };
  const counts = { hour: tallies(percent), day: tallies(50) };
  const said = String(figures({ facts, counts, latency: { reply: null, queue: null } }, now));
  expect(said).toContain(words);
  expect(said).toContain(`>${((100 - percent) * 100).toLocaleString("en")}</a> failures`);
  expect(said).toContain("1,234 in the last minute");
});

test.each([
  ["to come", 5_400_000, /next due <time [^>]*>in 1 h<\/time><\/p>/],
  ["due, which waits for a consumer", -5_400_000, /next due <time [^>]*>1 h ago<\/time>, waits for a consumer/],
])("Queue tells of a next attempt that is %s", async (_, inMs, words) => {
  const at = new Date(Date.now() + inMs).toISOString();
  const group = { error: "e", example: "it fails", jobs: 1, firstAt: null, lastAt: null, next: at, newest: [] };
  const none = { groups: [], jobs: 0, lookedAt: 0 };
  const operations = {
    redisAway: () => null,
    eventQueues: () => [{ name: "events", use: undefined, workers: [] }],
    queueRates: async () => ({ completed: 0, isMore: false, failed: 0 }),
    replays: async () => [],
    views: { troubles: async () => ({ failed: none, retrying: { groups: [group], jobs: 1, lookedAt: 1 } }) },
  } as unknown as Operations;
  const app = new Hono<PageEnv>();
  app.use(async (c, next) => {
    c.set("operator", { loggedIn: true, numbers: "masked" });
    await next();
  });
  app.route(
    "/",
    queuePage(operations, {} as Login, () => {}),
  );
  const incoming = { socket: { remoteAddress: "127.0.0.1", remotePort: 1, remoteFamily: "IPv4" } };
  expect(await (await app.request("/queue", {}, { incoming })).text()).toMatch(words);
});

test("numbers in what a refused client wrote are masked as on the page of a report, its addresses are not", async () => {
  const refusal: RefusedClient = {
    address: "192.0.2.1",
    peer: null,
    helo: "<b>+1 202 555 0155 [192.0.2.1]",
    reason: "unknown-domain",
    detail: "12025550156.example",
    reply: "550 5.7.1 No",
    count: 1,
    lastAt: "2026-01-10T12:34:56Z",
  };
  const told = async ({ numbers }: Pick<Operator, "numbers">): Promise<readonly string[]> => [
    String(await refusalTable([refusal], { numbers })),
    String(await peersCard({ peers: [], hour: null, refusals: [refusal] }, { numbers }, new Date())),
  ];
  const [table = "", card = ""] = await told({ numbers: "masked" });
  expect(table).toContain("*******0156.example");
  for (const text of [table, card]) {
    expect(text).toContain("&lt;b&gt;+* *** *** 0155 [192.0.2.1]");
    expect(text).not.toMatch(/202 555|2025550|<b>/);
  }
  const [whole = "", wholeCard = ""] = await told({ numbers: "full" });
  expect(whole).toContain("12025550156.example");
  for (const text of [whole, wholeCard]) expect(text).toContain("&lt;b&gt;+1 202 555 0155 [192.0.2.1]");
});
