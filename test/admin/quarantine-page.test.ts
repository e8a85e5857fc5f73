/** The page of the quarantine: what it says of a message, and what it lets an operator do. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Login, PageEnv } from "../../src/admin/login.ts";
import type { Operations } from "../../src/admin/operations.ts";
import { quarantinePage } from "../../src/admin/quarantine-page.ts";
import type { QuarantinedMessage } from "../../src/delivery/quarantined.ts";
import type { QuarantineEntry } from "../../src/quarantine/quarantine.ts";
import { deliveryReport, PEER } from "../support/report.ts";

let replayed: string[];
let server: ReturnType<typeof createAdaptorServer>;
beforeEach(() => {
  replayed = [];
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
    list: async () => entries,
    reasons: async () => counts,
    find: async (wanted: string) => entries.find(({ id }) => id === wanted),
    async *ofReason(reason: string) {
      yield* entries.filter(({ message }) => message.reason === reason);
    },
    async replay({ id }: QuarantineEntry) {
      replayed.push(id);
      return { published: true, text: "" };
    },
    drop: async () => true,
    readBody: async () => ({ text: "", parts: [] }),
  };
  const operations = { quarantine: async () => desk } as unknown as Operations;
  const login = { mayAct: (_: unknown, next: () => Promise<void>) => next() } as unknown as Login;
  const app = new Hono<PageEnv>();
  app.use(async (c, next) => {
    c.set("operator", { loggedIn: true, numbers: "full" });
    await next();
  });
  app.route(
    "/",
    quarantinePage(operations, login, () => {}),
  );
  server = createAdaptorServer(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const htmlOf = async (url: string) => (await fetch(url)).text();
const replay = (url: string, body: Readonly<Record<string, string>>) =>
  fetch(`${url}/quarantine/replay`, { method: "POST", body: new URLSearchParams(body), redirect: "manual" });

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
