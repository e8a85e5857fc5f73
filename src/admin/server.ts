/** HTTP for operators: three checks (alive, ready, well), the metrics, and the page. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import { BOUNDS } from "../bounds/bounds.ts";
import type { Reason, State } from "../monitoring/reasons.ts";
import { inRounds } from "../rounds.ts";
import { TooManyAskError } from "../views/lane.ts";
import { readAssets } from "./assets.ts";
import type { BoardQueue } from "./board.ts";
import { chartRoutes } from "./charts.ts";
import { codesPages } from "./codes-page.ts";
import { type DoorOptions, deadlines, HTTP_TIMES, keepDoor } from "./door.ts";
import { BOARD_PATH, type Glance, layout, pathOf } from "./layout.ts";
import { livePage } from "./live.ts";
import { createLogin, type PageEnv } from "./login.ts";
import type { OnAction, Operations } from "./operations.ts";
import { overviewPage } from "./overview-page.ts";
import { shared } from "./paces.ts";
import { peersPages } from "./peers-page.ts";
import { nothingYet } from "./pieces.ts";
import { quarantinePages } from "./quarantine-page.ts";
import { queuePage, queueParts } from "./queue-page.ts";
import { remembering } from "./remembering.ts";
import { reportPage } from "./report-page.ts";
import { reportsPage, rowsLive } from "./reports-page.ts";

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

function probesOf(options: AdminOptions): Readonly<Record<string, (c: Context) => Response | Promise<Response>>> {
  const metrics = inRounds(options.metrics);
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
function pages({ token, operations: direct, stateOf, queues, onAction }: AdminOptions): Hono<PageEnv> {
  // Many open pages ask for the same.
  const operations = shared(direct);
  const glance = remembering(GLANCE_MS, async (): Promise<Glance> => {
    const { reasons, quarantined } = await direct.facts();
    return { state: stateOf(reasons), quarantined };
  });
  const overview = overviewPage(operations);
  const login = createLogin({ token, onAction });
  const peers = peersPages(operations, login, onAction);
  const codes = codesPages(operations);
  const quarantine = quarantinePages(operations, login, onAction);
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
  app.use(async (c, next) => {
    // Not for those who have not logged in: how the service is does not concern them.
    if (c.var.operator) c.set("operator", { ...c.var.operator, glance: await glance() });
    return next();
  });
  app.route("/", overview.routes);
  app.route("/", chartRoutes(operations));
  app.route(
    "/",
    livePage({
      login,
      glance,
      parts: { ...overview.parts, ...queueParts(operations), ...peers.parts, ...codes.parts, ...quarantine.parts },
      follow: operations.views.follow,
      rowsLive: rowsLive(operations),
    }),
  );
  app.route("/", codes.routes);
  app.route("/", reportsPage(operations, onAction));
  app.route("/", reportPage(operations));
  app.route("/", queuePage(operations, login, onAction));
  app.route("/", quarantine.routes);
  app.route("/", peers.routes);

  let board: Promise<Hono> | undefined;
  // Where the board stood in mm4d 1.0.
  app.get("/queue/", (c) => c.redirect("/queue", 301));
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

  // For people; whoever asks otherwise gets a list of what there is.
  app.get("*", async (c, next) => {
    if (!c.req.header("accept")?.includes("text/html")) return next();
    return login.guard(c, async () => {
      const body = html`<h1>Nothing is here</h1>
        ${nothingYet("No page has this address.", html`What came is on <a href="/reports">Reports</a>, how it is on <a href="/">Overview</a>.`)}`;
      const { operator } = c.var;
      const page = layout({
        title: "Nothing is here",
        path: pathOf(c),
        operator: { ...operator, glance: await glance() },
        body,
      });
      c.res = await c.html(page, 404);
    });
  });

  app.onError((cause, c) => {
    if ("getResponse" in cause && typeof cause.getResponse === "function") return cause.getResponse() as Response;
    const away = operations.redisAway();
    const busy = cause instanceof TooManyAskError;
    const title = away !== null ? "Redis is unreachable" : busy ? "Too many ask" : "Something went wrong";
    const body = html`<h1>${title}</h1><p class="card">${away ?? cause.message}.</p>`;
    const operator = c.get("operator") ?? null;
    return c.html(layout({ title, path: pathOf(c), operator, body }), away === null && !busy ? 500 : 503);
  });
  return app;
}

const GLANCE_MS = 1_500;

const PROTECTED = [
  "/",
  "/live",
  "/glance",
  "/chart",
  "/codes/*",
  "/reports/*",
  "/trace/*",
  "/quarantine/*",
  "/peers/*",
  "/acknowledgements/*",
  "/queue/*",
];
