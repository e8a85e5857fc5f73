/** Attacks on the operators' page. */

import { connect } from "node:net";
import { Queue } from "bullmq";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { mapTexts } from "../../src/text/masking.ts";
import { startBrowser, TOKEN, visitLoggedIn } from "../support/browser.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, freePort, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, message } from "../support/report.ts";
import {
  cleanEnv,
  runCommand,
  type ServiceUnderTest,
  startServiceProcess,
  startServiceWithin,
  type TestService,
} from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

let redis: TestRedis;
/** A process of its own, whose memory is measured. */
let service: TestService;
let open: ServiceUnderTest;
let browser: Browser;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_ADMIN_TOKEN: TOKEN });
  open = await startServiceWithin({ REDIS_URL: redis.url });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await open.stop();
  await service.stop();
  await redis.stop();
});

const base = (of: ServiceUnderTest = service): string => `http://127.0.0.1:${of.adminPort}`;
const form = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString();

interface Asked {
  readonly method?: string;
  readonly cookie?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fields?: Readonly<Record<string, string>>;
  readonly of?: ServiceUnderTest;
}

function ask(path: string, { method, cookie, headers = {}, fields, of = service }: Asked = {}): Promise<Response> {
  return fetch(`${base(of)}${path}`, {
    method: method ?? (fields ? "POST" : "GET"),
    redirect: "manual",
    headers: {
      ...(cookie ? { cookie } : {}),
      ...(fields ? { "content-type": "application/x-www-form-urlencoded", origin: base(of) } : {}),
      ...headers,
    },
    ...(fields ? { body: form(fields) } : {}),
  });
}

async function logInAs(token = TOKEN, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await ask("/login", { fields: { token, next: "/" }, headers });
  return response.headers.get("set-cookie") ?? `none (${response.status})`;
}
const cookieOf = (set: string): string => set.split(";")[0] ?? "";

async function unreadable(fields: Readonly<Record<string, string>> = {}): Promise<void> {
  const client = await openSession(service.smtpPort);
  const reply = await client.deliver(deliveryReport({ "X-Mms-MM-Status-Code": undefined, ...fields }));
  expect(reply).toMatch(/^250 /);
  client.end();
}

const DOORS = [
  "/",
  "/live",
  "/glance",
  "/chart",
  "/codes",
  "/codes/470",
  "/reports",
  "/reports/x",
  "/reports?q=y",
  "/quarantine",
  "/quarantine/x",
  "/quarantine/x/message.eml",
  "/peers",
  "/queue",
  "/queue/board/",
  "/queue/board/api/queues",
];

test("without a session there is nothing to see and nothing to do, whatever the cookie says", async () => {
  const good = cookieOf(await logInAs());
  const [name = "", value = ""] = good.split("=");
  const [payload = "", signature = ""] = decodeURIComponent(value).split(/\.(?=[^.]*$)/);
  const [id = "", until = ""] = payload.split(".");
  const forged = [
    "",
    `${name}=`,
    `${name}=x`,
    `${name}=${payload}`,
    `${name}=${encodeURIComponent(`${id}.${Number(until) + 1}.${signature}`)}`,
    `${name}=${encodeURIComponent(`${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`)}`,
    `${name}=${"x".repeat(8_000)}`,
  ];
  for (const cookie of forged) {
    for (const path of DOORS) expect([cookie, path, (await ask(path, { cookie })).status]).toEqual([cookie, path, 401]);
  }
  for (const path of DOORS.filter((door) => !/live|\/x\b/.test(door))) {
    expect([path, (await ask(path, { cookie: good })).status]).toEqual([path, 200]);
  }
  for (const path of [
    "/queue/retry",
    "/quarantine/replay",
    "/quarantine/drop",
    "/peers/first/send-again",
    "/peers/first/test",
    "/numbers",
  ]) {
    expect([path, (await ask(path, { fields: { reason: "no-status" } })).status]).toEqual([path, 401]);
  }
});

test("the cookie is strict and out of a script's reach, and over TLS it stays there", async () => {
  const set = await logInAs();
  expect(set).toMatch(/; HttpOnly/);
  expect(set).toMatch(/; SameSite=Strict/);
  expect(set).toMatch(/; Path=\//);
  expect(set).not.toMatch(/; Secure/);
  expect(await logInAs(TOKEN, { "x-forwarded-proto": "https" })).toMatch(/; Secure/);
  const { headers } = await ask("/", { cookie: cookieOf(set) });
  expect(headers.get("content-security-policy")).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
  );
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
});

test("another site's form does nothing, with the operator's cookie too", async () => {
  await unreadable();
  const cookie = cookieOf(await logInAs());
  const paths = [
    "/queue/retry",
    "/quarantine/drop",
    "/quarantine/replay",
    "/peers/first/send-again",
    "/peers/first/test",
    "/numbers",
    "/logout",
    "/login",
  ];
  const sites: readonly Readonly<Record<string, string>>[] = [
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: `http://127.0.0.1.evil.example:${service.adminPort}` },
    { origin: `http://127.0.0.1:${service.adminPort + 1}` },
    { origin: "http://evil.example", "content-type": "text/plain" },
    { origin: "http://evil.example", "content-type": "multipart/form-data; boundary=x" },
    { origin: "http://evil.example", "sec-fetch-site": "cross-site" },
  ];
  for (const headers of sites) {
    for (const path of paths) {
      const { status } = await ask(path, { cookie, headers, fields: { reason: "no-status", token: TOKEN } });
      expect([headers, path, status]).toEqual([headers, path, 403]);
    }
  }
  // In a browser: a page of another origin that posts by itself, while the operator is logged in.
  const { page } = await visitLoggedIn(browser, service);
  await page.route("http://evil.example/", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<form method="post" action="${base()}/quarantine/drop"><input name="reason" value="no-status"></form><script>document.forms[0].submit()</script>`,
    }),
  );
  const answer = page.waitForResponse((response) => response.url().endsWith("/quarantine/drop"));
  await page.goto("http://evil.example/").catch(() => {}); // It is left at once.
  expect((await answer).status()).toBe(403);
  // Nor can it show our pages within its own.
  await page.route("http://frame.example/", (route) =>
    route.fulfill({ contentType: "text/html", body: `<iframe src="${base()}/quarantine"></iframe>` }),
  );
  await page.goto("http://frame.example/");
  expect(page.frames().some((frame) => frame.url().startsWith(`${base()}/quarantine`))).toBe(false);
  await page.context().close();
  expect(await service.metric("mm4d_quarantine_messages", (count) => count === 1)).toBe(1);
});

test("script in every header field of a report is text on every page", async () => {
  const hostile = `"><img src=x onerror="alert(document.domain)"><script>alert(1)</script>'\u202e{{7*7}}`;
  const names = [
    "X-Mms-3GPP-MMS-Version",
    "X-Mms-Transaction-ID",
    "X-Mms-MM-Status-Extension",
    "X-Mms-Status-Text",
    "X-Mms-Request-Status-Code",
    "From",
    "To",
    "Date",
    "Sender",
    "Subject",
    "X-Mms-<b>",
  ];
  const fields = Object.fromEntries(names.map((name) => [name, hostile]));
  const client = await openSession(service.smtpPort);
  for (const status of ["Retrieved", undefined, hostile]) {
    const bytes = message({
      ...fields,
      "X-Mms-Message-Type": "MM4_delivery_report.REQ",
      "X-Mms-Message-ID": `hostile${hostile}`,
      "X-Mms-MM-Status-Code": status,
      "X-Internal-Status-Code": status === "Retrieved" ? "999999" : undefined,
      "X-Mms-Ack-Request": "Yes",
    });
    const body = Buffer.from(`Content-Type: text/html\r\n\r\n${hostile}\r\n`);
    expect(await client.deliver(Buffer.concat([bytes.subarray(0, -2), body]))).toMatch(/^250 /);
  }
  client.end();
  await service.metric("mm4d_quarantine_messages", (count) => count >= 2);
  const { page, faults } = await visitLoggedIn(browser, service);
  await page.getByRole("button", { name: "Show numbers" }).click();
  const paths = [
    "/",
    "/codes",
    "/peers",
    "/quarantine",
    "/queue/board/queue/mm4-delivery-events",
    "/queue/board/queue/mm4-quarantine",
  ];
  for (const wanted of [`hostile${hostile}`, hostile])
    paths.push(
      `/reports/${encodeURIComponent(wanted)}`,
      `/reports?q=${encodeURIComponent(wanted)}`,
      `/codes?q=${encodeURIComponent(wanted)}`,
    );
  for (const path of paths) {
    await page.goto(path);
    // The board draws itself.
    if (path.startsWith("/queue/board/")) await page.waitForTimeout(500);
    if (path.startsWith("/reports/hostile")) {
      for (const summary of await page.locator("summary").all()) await summary.click();
      expect(await page.locator("main").innerText()).toContain("<script>alert(1)</script>");
    }
  }
  await page.goto("/quarantine");
  for (const href of await page
    .locator("tbody a")
    .evaluateAll((links) => links.map((link) => (link as unknown as { href: string }).href))) {
    await page.goto(href);
    expect(await page.locator("main").innerText()).not.toContain("\u202e");
  }
  expect(await page.locator("main img, main script, main b").count()).toBe(0);
  expect(faults).toEqual([]);
  await page.context().close();
});

test("a stolen cookie is worth nothing after log-out, nor after a restart", async () => {
  const stolen = cookieOf(await logInAs());
  const other = cookieOf(await logInAs());
  expect((await ask("/quarantine", { cookie: stolen })).status).toBe(200);
  expect((await ask("/logout", { cookie: stolen, fields: {} })).status).toBe(303);
  for (const path of ["/", "/quarantine", "/trace?q=x"]) expect((await ask(path, { cookie: stolen })).status).toBe(401);
  expect((await ask("/numbers", { cookie: stolen, fields: { show: "yes" } })).status).toBe(401);
  expect((await ask("/quarantine", { cookie: other })).status).toBe(200);
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
  await service.restart();
  expect((await ask("/quarantine", { cookie: other })).status).toBe(401);
});

test("what a session may see ends with it, also on a page that is open, and in a copy of its cookie", async () => {
  const cookie = cookieOf(await logInAs());
  expect((await ask("/numbers", { cookie, fields: { show: "yes" } })).status).toBe(303);
  const shows = async () => (await (await ask("/reports", { cookie })).text()).includes("Mask numbers");
  expect(await shows()).toBe(true);
  expect((await ask("/numbers", { cookie, fields: { show: "no" } })).status).toBe(303);
  expect(await shows()).toBe(false);
  const open = await fetch(`${base()}/live`, { headers: { cookie } });
  await ask("/logout", { cookie, fields: {} });
  // It ends by itself; what it said until then is all.
  expect(await open.text()).toContain("data: ");
});

test("a code that is the recipient's number breaks no page, and what consumers wrote is masked on the board", async () => {
  const client = await openSession(service.smtpPort);
  const number = "12025550166";
  const bytes = deliveryReport({
    From: `+${number}`,
    "X-Mms-Message-ID": "number-as-code",
    "X-Mms-MM-Status-Code": "Rejected",
    "X-Internal-Status-Code": number,
  });
  expect(await client.deliver(bytes)).toMatch(/^250 /);
  client.end();
  const cookie = cookieOf(await logInAs());
  const get = async (path: string) => {
    const response = await ask(path, { cookie, headers: { accept: "text/html" } });
    return { status: response.status, text: await response.text() };
  };
  const traced = await eventually(
    () => get("/reports/number-as-code"),
    ({ text }) => text.includes("put on the queue as job"),
  );
  const job = /put on the queue as job (j[0-9a-f]{32})/.exec(traced.text)?.[1] ?? "";
  for (const path of ["/reports?q=number-as-code", "/reports?as=csv", "/reports?as=jsonl"]) {
    const { text } = await get(path);
    expect(text).toContain("number-as-code");
    expect(text).not.toContain("2025550166");
  }
  expect(traced.text).not.toContain("2025550166");
  const { stdout } = await runCommandWithin(["trace", "number-as-code", "--json"], service.env);
  expect(JSON.parse(stdout).reports[0].event.data.recipient.number).toBe(`+${number}`);
  const queue = new Queue("mm4-delivery-events", { connection: { url: redis.url, maxRetriesPerRequest: null } });
  await redis.call(
    "HSET",
    `bull:mm4-delivery-events:${job}`,
    "failedReason",
    `Cannot notify ${number}, nor +1 (202) 555-0177`,
    "progress",
    JSON.stringify({ to: number }),
  );
  await (await queue.getJob(job))?.log(`asked ${number}`);
  await queue.close();
  for (const path of [
    "/queue/board/api/queues?activeQueue=mm4-delivery-events&status=latest&page=1&jobsPerPage=100",
    `/queue/board/api/queues/mm4-delivery-events/${job}`,
    `/queue/board/api/queues/mm4-delivery-events/${job}/logs`,
  ]) {
    const { status, text } = await get(path);
    expect([path, status]).toEqual([path, 200]);
    const texts: string[] = [];
    mapTexts(JSON.parse(text), (one) => {
      texts.push(one);
      return one;
    });
    expect(texts.filter((one) => /2025550166|555-0177/.test(one.replace("***-0177", "")))).toEqual([]);
  }
  expect((await get("/queue/board/api/queues?activeQueue=mm4-delivery-events&jobsPerPage=50000")).status).toBe(400);
});

test("a form may name our messages only, not what BullMQ keeps beside them", async () => {
  const cookie = cookieOf(await logInAs());
  await unreadable({ "X-Mms-Message-ID": "beside" });
  const meta = () => redis.call("HGETALL", `bull:${QUARANTINE_QUEUE}:meta`);
  const before = await meta();
  expect(before).not.toEqual([]);
  for (const id of ["meta", "wait", "id", "events", "", "../meta"]) {
    const path = `/quarantine/${encodeURIComponent(id)}`;
    if (id !== "") expect([id, (await ask(path, { cookie })).status]).toEqual([id, 404]);
    const { headers } = await ask("/quarantine/drop", { cookie, fields: { id } });
    expect([id, headers.get("location")]).toEqual([id, "/quarantine?dropped=0"]);
    expect((await ask("/peers/first/send-again", { cookie, fields: { id } })).headers.get("location")).toBe(
      "/peers/first?again=0",
    );
  }
  expect(await meta()).toEqual(before);
});

test("no path leads out, and none to a file", async () => {
  const cookie = cookieOf(await logInAs());
  const paths = [
    "/../../etc/passwd",
    "/assets/../../../package.json",
    "/assets/%2e%2e/%2e%2e/package.json",
    "/assets/..%2f..%2fpackage.json",
    "/assets//etc/passwd",
    "/queue/board/static/../../../../package.json",
    "/queue/board/static/%2e%2e/%2e%2e/%2e%2e/package.json",
    "/queue/board/static/..%2f..%2f..%2fpackage.json",
    "/queue/board/static/..%5c..%5cpackage.json",
    "/queue/board/static/%00",
    "/quarantine/..%2f..%2fetc",
    "/codes/470%00",
    "/codes/99999999999999999999",
    "//evil.example/",
    "/%",
    "/%ff%fe",
    "\\..\\..",
  ];
  for (const path of paths) {
    const answer = await raw(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`,
    );
    expect([path, answer.slice(9, 12)]).toEqual([path, expect.stringMatching(/^(30[13]|40[0-9])$/)]);
    expect(answer).not.toMatch(/root:|"dependencies"|location: (?:https?:)?\/\//i);
  }
  for (const next of [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "/\r\nset-cookie: a=b",
    "javascript:alert(1)",
  ]) {
    const { headers } = await ask("/login", { fields: { token: TOKEN, next } });
    expect([next, headers.get("location")]).toEqual([next, "/"]);
  }
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
    expect(
      (await ask("/queue/board/api/queues/mm4-delivery-events/clean/completed", { method, cookie })).status,
    ).toBeGreaterThanOrEqual(403);
  }
  expect((await ask("/quarantine/drop", { cookie, fields: { id: "x".repeat(100_000) } })).status).toBe(413);
  expect((await ask("/livez")).status).toBe(200);
});

test("ten thousand logins: guesses are cut short, the log stays readable, and the service does not grow", async () => {
  const resident = async () => service.metric("mm4d_process_resident_memory_bytes");
  const before = await resident();
  const statuses = new Map<number, number>();
  const body = form({ token: `wr0ng ${Math.random()}` });
  const guess = (connection: string): string =>
    `POST /login HTTP/1.1\r\nHost: 127.0.0.1:${service.adminPort}\r\nOrigin: ${base()}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nConnection: ${connection}\r\n\r\n${body}`;
  for (let round = 0; round < 10; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => raw(`${guess("keep-alive").repeat(99)}${guess("close")}`)),
    );
    for (const [, status] of answers.join("").matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
      statuses.set(Number(status), (statuses.get(Number(status)) ?? 0) + 1);
    }
  }
  expect((statuses.get(403) ?? 0) + (statuses.get(429) ?? 0)).toBe(10_000);
  // Ten a minute; the minutes are the machine's.
  expect(statuses.get(403)).toBeLessThan(200);
  const told = service.log().filter(({ event }) => event === "operator.login-failed");
  expect(told.length).toBe(statuses.get(403));
  expect(service.written()).not.toContain("wr0ng");
  expect((await ask("/livez")).status).toBe(200);
  expect((await resident()) - before).toBeLessThan(150e6);
  // Whoever knows the token gets in meanwhile: behind a proxy everybody has one address.
  expect(await logInAs()).toMatch(/^mm4d-session=/);
  const elsewhere = await raw(
    `POST /login HTTP/1.1\r\nHost: 127.0.0.1:${service.adminPort}\r\nOrigin: ${base()}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form({ token: TOKEN }).length}\r\nConnection: close\r\n\r\n${form({ token: TOKEN })}`,
    "127.0.0.9",
  );
  expect(elsewhere).toMatch(/^HTTP\/1\.1 303 /);
});

test("many pages that are left open end with the service, and there is an end to them", async () => {
  const cookie = cookieOf(
    (
      await raw(
        `POST /login HTTP/1.1\r\nHost: 127.0.0.1:${service.adminPort}\r\nOrigin: ${base()}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form({ token: TOKEN }).length}\r\nConnection: close\r\n\r\n${form({ token: TOKEN })}`,
        "127.0.0.8",
      )
    ).replace(/[\s\S]*set-cookie: /i, ""),
  );
  const aborts = Array.from({ length: 60 }, () => new AbortController());
  const statuses = await Promise.all(
    aborts.map(async ({ signal }) => (await fetch(`${base()}/live`, { headers: { cookie }, signal })).status),
  );
  expect(statuses.filter((status) => status === 200).length).toBe(50);
  for (const abort of aborts) abort.abort();
  // Nobody reads what HEAD asks for.
  for (let index = 0; index < 60; index += 1) await ask("/live", { method: "HEAD", cookie });
  // Those that have left make room.
  await eventually(
    async () => {
      const abort = new AbortController();
      const { status } = await fetch(`${base()}/live`, { headers: { cookie }, signal: abort.signal });
      abort.abort();
      return status;
    },
    (status) => status === 200,
  );
  const left = await fetch(`${base()}/live`, { headers: { cookie } });
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
  await left.text().catch(() => {});
  await service.restart();
});

test("without a token the page is for this machine, under its own name, and to look at only", async () => {
  for (const path of DOORS.filter((door) => !/live|\/x\b/.test(door))) {
    expect([path, (await ask(path, { of: open })).status]).toEqual([path, 200]);
  }
  expect(await (await ask("/", { of: open })).text()).toContain("read-only");
  for (const path of [
    "/queue/retry",
    "/quarantine/replay",
    "/quarantine/drop",
    "/peers/first/send-again",
    "/peers/first/test",
  ]) {
    expect([path, (await ask(path, { of: open, fields: { reason: "no-status" } })).status]).toEqual([path, 403]);
  }
  expect((await ask("/numbers", { of: open, fields: { show: "yes" } })).status).toBe(401);
  for (const headers of [{ "x-forwarded-for": "192.0.2.1" }, { forwarded: "for=192.0.2.1" }, { via: "1.1 proxy" }]) {
    expect([headers, (await ask("/", { of: open, headers })).status]).toEqual([headers, 403]);
  }
  // DNS rebinding: another site's name that leads here.
  const rebound = await raw(
    `GET /quarantine HTTP/1.1\r\nHost: evil.example:${open.adminPort}\r\nConnection: close\r\n\r\n`,
    undefined,
    open,
  );
  expect(rebound).toMatch(/^HTTP\/1\.1 403 [\s\S]*for this machine only, under its own name/);
  // HTTP/1.0 needs no name: a probe is answered without one, a page is not.
  expect(await raw("GET /readyz HTTP/1.0\r\n\r\n", undefined, open)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw("GET /quarantine HTTP/1.0\r\n\r\n", undefined, open)).toMatch(/^HTTP\/1\.1 403 /);
  expect((await ask("/livez", { of: open, headers: { "x-forwarded-for": "192.0.2.1" } })).status).toBe(200);

  const exposed = await runCommand(
    ["serve"],
    cleanEnv({
      MM4D_ADMIN_HOST: "0.0.0.0",
      MM4D_ADMIN_PORT: String(await freePort()),
      MM4D_DATA_DIR: `${open.dataDir}-x`,
    }),
  );
  expect([exposed.code, exposed.stderr]).toEqual([
    1,
    expect.stringContaining(
      'MM4D_ADMIN_HOST is "0.0.0.0" without MM4D_ADMIN_TOKEN, must be 127.0.0.1 or ::1 without one',
    ),
  ]);
});

/** One request as it is written, from an address of this machine. */
function raw(request: string, from = "127.0.0.1", of: ServiceUnderTest = service): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ port: of.adminPort, host: "127.0.0.1", localAddress: from }, () => socket.write(request));
    socket.setEncoding("latin1").on("data", (text) => {
      answer += text;
    });
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}

test("a path that begins with two slashes is a path, and no host", async () => {
  const cookie = cookieOf(await logInAs());
  for (const path of ["//", "///", "//[", "//evil.example/x"]) {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(service.adminPort, "127.0.0.1");
      let text = "";
      socket.on("data", (bytes) => {
        text += String(bytes);
      });
      socket.on("error", reject).on("close", () => resolve(text));
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`,
      );
    });
    expect([path, answer]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 404 [\s\S]*Nothing is here/)]);
  }
});

test("a place that no list has is one beyond the end", async () => {
  const cookie = cookieOf(await logInAs());
  for (const path of ["/quarantine?from=999999999999999999999999", "/quarantine?from=-1", "/peers?from=1e99"]) {
    expect([path, (await ask(path, { cookie })).status]).toEqual([path, 200]);
  }
});

test("who is refused because too many ask hears so, and that it is for now", async () => {
  const cookie = cookieOf(await logInAs());
  // Nothing is answered meanwhile, so that all of them wait.
  await redis.call("CLIENT", "PAUSE", "1500", "ALL");
  const asked = Array.from({ length: 30 }, (_, code) => ask(`/reports?as=csv&code=${code}`, { cookie }));
  const answers = await Promise.all(asked.map(async (answer) => [(await answer).status, await (await answer).text()]));
  const refused = answers.filter(([status]) => status !== 200);
  expect(refused).toEqual(refused.map(() => [503, expect.stringContaining("Too many pages are asked for at once")]));
});
