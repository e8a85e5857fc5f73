/** HTTP for operators: three checks (alive, ready, well), the metrics, and the page. */
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import { BOUNDS } from "../bounds/bounds.ts";
import type { Reason, State } from "../monitoring/reasons.ts";
import type { BoardQueue } from "./board.ts";
import { codesPage } from "./codes-page.ts";
import { type DoorOptions, deadlines, HTTP_TIMES, keepDoor } from "./door.ts";
import { BOARD_PATH, layout, pathOf } from "./layout.ts";
import { createLogin, type PageEnv } from "./login.ts";
import { nowPage } from "./now-page.ts";
import type { OnAction, Operations } from "./operations.ts";
import { peersPage } from "./peers-page.ts";
import { quarantinePage } from "./quarantine-page.ts";
import { tracePage } from "./trace-page.ts";

export interface AdminOptions extends Pick<DoorOptions, "networkOf"> {
  readonly host: string;
  readonly port: number;
  /** The token that an operator logs in with; empty when none is set. */
  readonly token: string;
  /** Why no traffic should come here; empty when it is ready. */
  readonly notReady: () => Promise<readonly string[]>;
  /** Why all is not well, or something needs attention; empty when all is well. */
  readonly reasons: () => Promise<readonly Reason[]>;
  /** The worst state of them. */
  readonly stateOf: (reasons: readonly Reason[]) => State;
  readonly version: () => Readonly<Record<string, string>>;
  /** The metrics in Prometheus's text form. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly operations: Operations;
  /** Rejects while Redis is away. */
  readonly queues: () => Promise<readonly BoardQueue[]>;
  readonly onAction: OnAction;
}

export interface Admin {
  readonly address: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** Rejects when it cannot listen on the address. */
export async function startAdmin(options: AdminOptions, times = HTTP_TIMES): Promise<Admin> {
  const app = new Hono();
  const probes = probesOf(options);
  app.use(async (c, next) => {
    await next();
    c.header("x-content-type-options", "nosniff");
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  });
  for (const [path, answer] of Object.entries(probes)) {
    app.get(path, answer);
    app.all(path, (c) => c.text("Only GET and HEAD are answered here\n", 405, { allow: "GET, HEAD" }));
  }
  for (const [path, { type, bytes }] of Object.entries(readAssets())) {
    app.get(path, (c) => c.body(bytes, 200, { "content-type": type, "cache-control": "max-age=300" }));
  }
  app.route("/", pages(options));
  app.notFound((c) =>
    c.text(`There is nothing here. What there is: the page at /, and\n${Object.keys(probes).join("\n")}\n`, 404),
  );
  app.onError((cause, c) => c.text(`${cause.message}\n`, 500));

  // HTTP/1.0, in which HAProxy asks for /readyz, needs no Host (RFC 9112 §3.2). No name of this machine: see login.ts.
  const server = createAdaptorServer({
    fetch: app.fetch,
    hostname: "unnamed.invalid",
    serverOptions: deadlines(times),
  }) as Server;
  keepDoor(server, { times, networkOf: options.networkOf });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // Exclusive, because only one process of a service listens here.
    server.listen({ port: options.port, host: options.host, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", () => {}); // A connection could not be accepted; the client will try again.
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** All who ask while one search is under way get its answer. */
function together<Answer>(find: () => Promise<Answer>): () => Promise<Answer> {
  let finding: Promise<Answer> | undefined;
  return () => {
    finding ??= find().finally(() => {
      finding = undefined;
    });
    return finding;
  };
}

function probesOf(options: AdminOptions): Readonly<Record<string, (c: Context) => Response | Promise<Response>>> {
  const metrics = together(options.metrics);
  return {
    "/livez": (c) => c.text(OK, 200),
    "/readyz": async (c) => {
      const reasons = await options.notReady();
      return reasons.length === 0 ? c.text(OK, 200) : c.text(inLines(reasons), 503);
    },
    "/healthz": async (c) => {
      const reasons = await options.reasons();
      const texts = reasons.map(({ text }) => text);
      return {
        well: () => c.text(OK, 200),
        "needs-attention": () => c.text(inLines([BUT_ATTENTION, ...texts]), 200),
        "not-well": () => c.text(inLines(texts), 503),
      }[options.stateOf(reasons)]();
    },
    "/version": (c) => c.body(`${JSON.stringify(options.version())}\n`, 200, { "content-type": "application/json" }),
    "/metrics": async (c) => {
      const { contentType, text } = await metrics();
      return c.body(text, 200, { "content-type": contentType });
    },
  };
}

const OK = "ok\n";
/** It begins with "ok" because some checks look for that. */
const BUT_ATTENTION = "ok, but needs attention";

function inLines(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** Everything for people. */
function pages({ token, operations: direct, queues, onAction }: AdminOptions): Hono<PageEnv> {
  const operations = { ...direct, tallies: remembering(direct.tallies) };
  const login = createLogin({ token, onAction });
  const app = new Hono<PageEnv>();
  const headers = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["data:"],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
      formAction: ["'self'"],
    },
    strictTransportSecurity: false,
  });
  // The board sets its own headers.
  app.use((c, next) => (c.req.path.startsWith(`${BOARD_PATH}/`) ? next() : headers(c, next)));
  app.use(login.sameSite, bodyLimit({ maxSize: BOUNDS.httpFormBytes.value }));
  app.route("/", login.routes);
  for (const path of PROTECTED) app.use(path, login.guard);
  app.route("/", nowPage(operations, login));
  app.route("/", codesPage(operations));
  app.route("/", tracePage(operations));
  app.route("/", quarantinePage(operations, login, onAction));
  app.route("/", peersPage(operations, login, onAction));

  let board: Promise<Hono> | undefined;
  app.get(BOARD_PATH, (c) => c.redirect(`${BOARD_PATH}/`, 301));
  app.all(`${BOARD_PATH}/*`, async (c) => {
    const away = operations.redisAway();
    if (away !== null) throw new Error(away);
    // Loaded when it is first opened, because it takes longer than all the rest.
    board ??= queues().then(async (found) => {
      const { createBoard } = await import("./board.ts");
      // It has a page at its root, with and without the last slash.
      return new Hono({ strict: false }).route(BOARD_PATH, createBoard(found));
    });
    return (await board.catch(forget)).fetch(c.req.raw, c.env);
  });
  function forget(cause: Error): never {
    board = undefined;
    throw cause;
  }

  app.onError((cause, c) => {
    if ("getResponse" in cause && typeof cause.getResponse === "function") return cause.getResponse() as Response;
    const away = operations.redisAway();
    const body = html`<h1>Not now</h1><p class="card">${away ?? cause.message}.</p>`;
    return c.html(
      layout({ title: "Not now", path: pathOf(c), operator: c.get("operator") ?? null, body }),
      away === null ? 500 : 503,
    );
  });
  return app;
}

/** Many open pages ask for the same, so an answer is kept for some seconds. */
function remembering(tallies: Operations["tallies"]): Operations["tallies"] {
  const known = new Map<string, { readonly atMs: number; readonly answer: ReturnType<Operations["tallies"]> }>();
  return (agoMs, resolution) => {
    const key = `${agoMs} ${resolution}`;
    const before = known.get(key);
    if (before && performance.now() - before.atMs < REMEMBERED_MS) return before.answer;
    const answer = tallies(agoMs, resolution);
    known.set(key, { atMs: performance.now(), answer });
    answer.catch(() => known.delete(key));
    return answer;
  };
}

const REMEMBERED_MS = 3_000;

const PROTECTED = [
  "/",
  "/now",
  "/chart",
  "/codes/*",
  "/trace/*",
  "/quarantine/*",
  "/peers/*",
  "/acknowledgements/*",
  BOARD_PATH,
  `${BOARD_PATH}/*`,
];

/** Served from here, so that the page works without the internet. */
function readAssets(): Readonly<Record<string, { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> }>> {
  const ours = (name: string) => new Uint8Array(readFileSync(new URL(`./assets/${name}`, import.meta.url)));
  const { resolve } = createRequire(import.meta.url);
  const theirs = (name: string) => new Uint8Array(readFileSync(resolve(name)));
  return {
    "/assets/page.css": { type: "text/css; charset=utf-8", bytes: ours("page.css") },
    "/assets/page.js": { type: "text/javascript; charset=utf-8", bytes: ours("page.js") },
    "/assets/uplot.css": { type: "text/css; charset=utf-8", bytes: theirs("uplot/dist/uPlot.min.css") },
    "/assets/uplot.js": { type: "text/javascript; charset=utf-8", bytes: theirs("uplot/dist/uPlot.iife.min.js") },
  };
}
