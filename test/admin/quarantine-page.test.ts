/** The page of the quarantine: what it says of a message, and what it lets an operator do. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Login, Operator, PageEnv } from "../../src/admin/login.ts";
import type { Operations } from "../../src/admin/operations.ts";
import { quarantinePages } from "../../src/admin/quarantine-page.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import type { QuarantinedMessage } from "../../src/delivery/quarantined.ts";
import type { QuarantineEntry } from "../../src/quarantine/quarantine.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport, eventOf, PEER } from "../support/report.ts";

let replayed: string[];
let dropped: string[];
/** What a message would become, by its reason. */
let becoming: ReadonlyMap<string, DeliveryEvent | string>;
let operator: Operator;
let requests: number;
/** How often the reasons were counted, and what that waits for. */
let counted: number;
let counting: () => Promise<unknown>;
let server: ReturnType<typeof createAdaptorServer>;
beforeEach(() => {
  replayed = [];
  dropped = [];
  becoming = new Map();
  operator = { loggedIn: true, numbers: "full" };
  requests = 0;
  counted = 0;
  counting = async () => {};
});
afterEach(() => void server.close());

function entry(id: string, replaced: Partial<QuarantinedMessage>): QuarantineEntry {
  const raw = Buffer.from(deliveryReport()).toString("base64");
  const message = {
    reason: "internal-error",
    detail: null,
    peer: PEER,
    receivedAt: "2026-01-02T03:04:05.678Z",
    raw,
  } as const;
  return { id, message: { ...message, ...replaced } };
}

/** Serves the page, and gives its address. */
async function servePage(...entries: readonly QuarantineEntry[]): Promise<string> {
  const counts = new Map<string, number>();
  for (const { message } of entries) counts.set(message.reason, (counts.get(message.reason) ?? 0) + 1);
  const desk = {
    mark: async () => String(entries.length),
    newest: async (count: number, from = 0) => entries.slice(from, from + count),
    async reasons() {
      counted += 1;
      await counting();
      return counts;
    },
    find: async (wanted: string) => entries.find(({ id }) => id === wanted),
    async *ofReason(reason: string) {
      yield* entries.filter(({ message }) => message.reason === reason);
    },
    async replay({ id }: QuarantineEntry) {
      replayed.push(id);
      return { published: true, text: "" };
    },
    async drop(id: string) {
      dropped.push(id);
      return true;
    },
    wouldBecome: ({ message }: QuarantineEntry) => becoming.get(message.reason) ?? "makes no event: no-status",
    readBody: async () => ({ text: "", parts: [] }),
  };
  const quarantineFill = async () => ({ messages: 0, bytes: 2_000, maxMessages: 5, maxBytes: 1e6, refused: [] });
  const peerNames = async () => [PEER.name];
  const operations = { quarantine: async () => desk, quarantineFill, peerNames } as unknown as Operations;
  const login = { mayAct: (_: unknown, next: () => Promise<void>) => next() } as unknown as Login;
  const app = new Hono<PageEnv>();
  app.use(async (c, next) => {
    c.set("operator", operator);
    requests += 1;
    await next();
  });
  app.route("/", quarantinePages(operations, login, () => {}).routes);
  server = createAdaptorServer(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const htmlOf = async (url: string) => (await fetch(url)).text();
const act = (url: string, what: "replay" | "drop", body: ConstructorParameters<typeof URLSearchParams>[0]) =>
  fetch(`${url}/quarantine/${what}`, { method: "POST", body: new URLSearchParams(body), redirect: "manual" });
const replay = (url: string, body: Readonly<Record<string, string>>) => act(url, "replay", body);
/** The text that a page marks. */
const markedIn = (html: string) => [...html.matchAll(/<mark>([\s\S]*?)<\/mark>/g)].map(([, text]) => text);
const raw = (bytes: Uint8Array | string) => Buffer.from(bytes).toString("base64");

test("what ended the process is not read by it again: no button replays it, and no request does", async () => {
  const url = await servePage(
    entry("j1", { reason: "not-read", detail: "Reading it ended the process 3 times" }),
    entry("j2", {}),
  );
  for (const path of ["/quarantine", "/quarantine/j1"]) {
    const html = await htmlOf(`${url}${path}`);
    expect([path, html]).toEqual([path, expect.stringContaining("mm4d quarantine replay ID")]);
    expect(html.includes("Replay it")).toBe(false);
  }
  expect(await htmlOf(`${url}/quarantine/j2`)).toContain("Replay it");
  for (const body of [{ id: "j1" }, { reason: "not-read", before: "2027" }]) {
    expect((await replay(url, body)).headers.get("location")).toBe("/quarantine?replayed=0&kept=1");
  }
  await replay(url, { id: "j2" });
  expect(replayed).toEqual(["j2"]);
});

test("it is said how much of a body is not kept", async () => {
  const url = await servePage(entry("j1", { notKept: 1_234 }), entry("j2", {}));
  expect(await htmlOf(`${url}/quarantine/j1`)).toMatch(/Not kept<\/dt><dd>1234 bytes of the end of its body/);
  expect(await htmlOf(`${url}/quarantine/j2`)).not.toContain("Not kept");
});

test("how full it is, and what each message is, stands in the list, the newest first", async () => {
  const noStatus = raw(deliveryReport({ "X-Mms-MM-Status-Code": undefined, "X-Mms-Message-ID": '"12025550100-abc"' }));
  const url = await servePage(
    entry("j1", { reason: "no-status", raw: noStatus }),
    entry("j2", {
      reason: "unknown-type",
      raw: raw("X-Mms-Message-Type: MM4_other.REQ\r\nFrom: +12025550100\r\n\r\n"),
    }),
  );
  const full = await htmlOf(`${url}/quarantine`);
  expect(full).toMatch(
    /2 of 5 messages<\/strong> \(<span class="pair">40 %<\/span>\);\s+2 kB of 1 MB \(<span class="pair">&lt; 1 %<\/span>\)\./,
  );
  expect(full).toContain("It has neither X-Mms-MM-Status-Code nor X-Internal-Status-Code");
  expect(full).toContain("<code>X-Mms-Message-Type: MM4_other.REQ</code>");
  expect(full).toContain('data-copy="12025550100-abc"');
  operator = { loggedIn: false, numbers: "masked" };
  const masked = await htmlOf(`${url}/quarantine`);
  // Only a party's number is taken out of an id.
  expect(masked).toContain('data-copy="*******0100-abc"');
  expect(masked).not.toMatch(/2025550100|action="\/quarantine|type="checkbox"/);
});

test("several messages are replayed, or dropped, at once", async () => {
  const url = await servePage(entry("j1", {}), entry("j2", {}), entry("j3", { reason: "not-read" }));
  const ids = (...all: readonly string[]): [string, string][] => all.map((id) => ["id", id]);
  expect((await act(url, "replay", ids("j1", "j3"))).headers.get("location")).toBe("/quarantine?replayed=1&kept=1");
  expect(replayed).toEqual(["j1"]);
  expect((await act(url, "drop", ids("j1", "j2", "j2", "gone"))).headers.get("location")).toBe("/quarantine?dropped=2");
  expect(dropped).toEqual(["j1", "j2"]);
  expect((await act(url, "drop", [])).headers.get("location")).toBe("/quarantine?dropped=0");
});

test("the line to blame is marked, with those that it goes on with", async () => {
  const type = "X-Mms-Message-Type:\r\n  MM4_other.REQ";
  const long = `X-Mms-Note: ${"x".repeat(20)}`;
  const url = await servePage(
    entry("j1", {
      reason: "unknown-type",
      raw: raw(`Date: now\r\n${type}\r\nFrom: x\r\n\r\nX-Mms-Message-Type: body\r\n`),
    }),
    entry("j2", {
      reason: "event-too-large",
      detail: "Its field X-Mms-Note has 9,000 characters, must have 8,192 at most",
      raw: raw(`${long}\r\nTo: y\r\n\r\n`),
    }),
    entry("j3", {
      reason: "type-outside-header",
      raw: raw("Subject: fwd\r\n\r\nHi\r\n> X-Mms-Message-Type: MM4_delivery_report.REQ\r\nmore"),
    }),
    entry("j4", { reason: "no-status", raw: raw("X-Mms-MM-Status-Code:\r\nFrom: <b>\r\n\r\n") }),
    entry("j5", { reason: "internal-error", detail: "Error: <b>x</b>\n  at y" }),
  );
  const marked = async (id: string) => markedIn(await htmlOf(`${url}/quarantine/${id}`));
  expect(await marked("j1")).toEqual([type.replace("\r", "")]);
  expect(await marked("j2")).toEqual([long]);
  expect(await marked("j3")).toEqual(["&gt; X-Mms-Message-Type: MM4_delivery_report.REQ"]);
  expect(await marked("j4")).toEqual(["X-Mms-MM-Status-Code:"]);
  expect(await marked("j5")).toEqual([]);
  expect(await htmlOf(`${url}/quarantine`)).toContain(">Error: &lt;b&gt;x&lt;/b&gt;</td>");
});

test("what would become of it is said, and not tried where reading ended the process", async () => {
  const event = eventOf(deliveryReport());
  becoming = new Map<string, DeliveryEvent | string>([
    ["internal-error", event],
    ["no-status", "makes no event: no-status"],
  ]);
  const url = await servePage(
    entry("j1", {}),
    entry("j2", { reason: "no-status" }),
    entry("j3", { reason: "not-read" }),
  );
  expect(await htmlOf(`${url}/quarantine/j1`)).toMatch(
    new RegExp(`it would be queued as[\\s\\S]*${event.id}[\\s\\S]*delivered \\(success, final\\)`),
  );
  expect(await htmlOf(`${url}/quarantine/j2`)).toContain("it makes no event: no-status. Replayed, it would stay here");
  expect(await htmlOf(`${url}/quarantine/j3`)).not.toContain("What would become of it");
});

test("a message is downloaded as it came, by who may see its numbers", async () => {
  const bytes = Buffer.concat([deliveryReport(), Buffer.from([0, 0xff])]);
  const url = await servePage(entry("j1", { raw: raw(bytes) }));
  const download = () => fetch(`${url}/quarantine/j1/message.eml`);
  const answer = await download();
  expect(answer.headers.get("content-type")).toBe("message/rfc822");
  expect(answer.headers.get("content-disposition")).toBe('attachment; filename="j1.eml"');
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
  expect((await fetch(`${url}/quarantine/j9/message.eml`)).status).toBe(404);
  operator = { loggedIn: true, numbers: "masked" };
  expect((await download()).status).toBe(403);
});

test("however many open the list while it is looked through, it is looked through once more for all of them", async () => {
  const url = await servePage(entry("j1", {}));
  counting = () =>
    eventually(
      () => requests,
      (count) => count === 100,
    );
  const pages = await Promise.all(Array.from({ length: 100 }, () => htmlOf(`${url}/quarantine`)));
  expect(pages.filter((html) => html.includes("1 to 1 of 1, newest first"))).toHaveLength(100);
  expect(counted).toBe(2);
});

test("a place beyond the end is the last page, however large it is", async () => {
  const url = await servePage(...Array.from({ length: 51 }, (_, index) => entry(`j${index}`, {})));
  for (const from of ["50", "51", "100000", "999999999999999999999999"]) {
    const html = await htmlOf(`${url}/quarantine?from=${from}`);
    expect([from, html]).toEqual([from, expect.stringContaining("51 to 51 of 51, newest first")]);
  }
  expect(await htmlOf(`${url}/quarantine?from=-5`)).toContain("1 to 50 of 51, newest first");
});
