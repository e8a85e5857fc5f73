/**
 * Who may see the page and act on it: a person who knows the token, in a browser that
 * is on this page. Without a token only this machine may, and only look.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { getConnInfo } from "@hono/node-server/conninfo";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import { html } from "hono/html";
import { isLoopback } from "../settings/values.ts";
import { layout } from "./layout.ts";
import type { OnAction } from "./operations.ts";
import type { Operator } from "./operator.ts";

/** What a page's routes are told of a request. */
export type PageEnv = { Variables: { readonly operator: Operator } };

export interface LoginOptions {
  /** Empty for none. */
  readonly token: string;
  readonly onAction: OnAction;
}

export interface Login {
  /** Lets a request through if it may look, and tells the pages whose it is. */
  readonly guard: MiddlewareHandler<PageEnv>;
  /** Refuses a request that changes something, unless it comes from one of our pages. */
  readonly sameSite: MiddlewareHandler;
  /** Whether a request that was let through may still look, and see numbers as it did: for pages that stay open. */
  readonly mayStillLook: (c: Context<PageEnv>) => Promise<boolean>;
  /** Lets a request through if it may also act. */
  readonly mayAct: MiddlewareHandler<PageEnv>;
  readonly routes: Hono<PageEnv>;
}

const COOKIE = "mm4d-session";
const SESSION_MS = 12 * 3_600_000;
const NUMBERS_MS = 15 * 60_000;
const WINDOW_MS = 60_000;
const FAILURES_PER_ADDRESS = 10;
const FAILURES = 100;
const MAX_ADDRESSES = 1_000;
const MAX_REMEMBERED = 10_000;

interface Session {
  readonly id: string;
  readonly untilMs: number;
}

export function createLogin({ token, onAction }: LoginOptions): Login {
  // A new secret for each process: a session that has ended in the last process must not become valid again.
  let secret = randomBytes(32);
  /** Sessions that were ended early, and when they would have ended. */
  const ended = new Map<string, number>();
  /** Sessions that see numbers in full, and until when. */
  const shown = new Map<string, number>();
  const failures = createFailures();

  async function sessionOf(c: Context): Promise<Session | undefined> {
    const cookie = await getSignedCookie(c, secret, COOKIE);
    const [id = "", until] = cookie ? cookie.split(".") : [];
    const session = { id, untilMs: Number(until) };
    return session.untilMs > Date.now() && !ended.has(session.id) ? session : undefined;
  }

  /** Remembers a session until a time, and forgets those whose time is over. */
  function remember(until: Map<string, number>, id: string, untilMs: number): void {
    for (const [known, overMs] of until) if (overMs <= Date.now()) until.delete(known);
    if (until.size >= MAX_REMEMBERED) {
      // With a new secret all sessions have ended, so nothing need be remembered.
      secret = randomBytes(32);
      ended.clear();
      shown.clear();
    }
    until.set(id, untilMs);
  }

  function numbersOf({ id }: Session): Operator["numbers"] {
    return (shown.get(id) ?? 0) > Date.now() ? "full" : "masked";
  }

  const guard: MiddlewareHandler<PageEnv> = async (c, next) => {
    if (token === "") {
      const why = notHere(c);
      if (why !== null) return c.text(`${why}\n`, 403);
      c.set("operator", { loggedIn: false, numbers: "masked" });
      return next();
    }
    const session = await sessionOf(c);
    if (session) {
      c.set("operator", { loggedIn: true, numbers: numbersOf(session) });
      return next();
    }
    const { pathname, search } = new URL(c.req.url);
    if (c.req.method === "GET" && c.req.header("accept")?.includes("text/html")) {
      return c.redirect(`/login?next=${encodeURIComponent(pathname + search)}`, 303);
    }
    return c.text("Log in first\n", 401);
  };

  const mayAct: MiddlewareHandler<PageEnv> = async (c, next) =>
    c.var.operator.loggedIn ? next() : c.text("Only who is logged in may do that (MM4D_ADMIN_TOKEN)\n", 403);

  const routes = new Hono<PageEnv>();
  routes.get("/login", (c) => {
    if (token === "") return c.redirect("/", 303);
    return c.html(loginPage(pathIn(c.req.query("next")), null));
  });

  routes.post("/login", async (c) => {
    if (token === "") return c.redirect("/", 303);
    const address = addressOf(c);
    const form = await c.req.parseBody();
    const next = pathIn(form.next);
    if (!isSame(typeof form.token === "string" ? form.token : "", token)) {
      // The right token is never refused, because all clients behind a proxy have one address.
      if (failures.tooMany(address)) {
        c.header("retry-after", String(WINDOW_MS / 1000));
        return c.html(loginPage(next, "That is not the token (MM4D_ADMIN_TOKEN), as too often in this minute."), 429);
      }
      failures.count(address);
      onAction("login-failed", { address });
      return c.html(loginPage(next, "That is not the token (MM4D_ADMIN_TOKEN)."), 403);
    }
    await setSignedCookie(c, COOKIE, `${randomBytes(16).toString("hex")}.${Date.now() + SESSION_MS}`, secret, {
      path: "/",
      httpOnly: true,
      sameSite: "Strict",
      secure: isSecure(c),
      maxAge: SESSION_MS / 1000,
    });
    onAction("login", { address });
    return c.redirect(next, 303);
  });

  routes.post("/logout", async (c) => {
    const session = await sessionOf(c);
    if (session) {
      remember(ended, session.id, session.untilMs);
      onAction("logout", { address: addressOf(c) });
    }
    deleteCookie(c, COOKIE, { path: "/" });
    return c.redirect("/login", 303);
  });

  routes.post("/numbers", async (c) => {
    const session = await sessionOf(c);
    if (!session) return c.text("Log in first\n", 401);
    const form = await c.req.parseBody();
    const show = form.show === "yes";
    if (show) remember(shown, session.id, Date.now() + NUMBERS_MS);
    else shown.delete(session.id);
    onAction(show ? "numbers-shown" : "numbers-masked", { address: addressOf(c) });
    return c.redirect(pathIn(form.next), 303);
  });

  return {
    guard,
    // Compares hosts only, because the scheme differs behind a proxy that ends TLS.
    sameSite: csrf({ origin: (origin, c) => URL.canParse(origin) && new URL(origin).host === c.req.header("host") }),
    async mayStillLook(c) {
      if (token === "") return true;
      const session = await sessionOf(c);
      return session !== undefined && numbersOf(session) === c.var.operator.numbers;
    },
    mayAct,
    routes,
  };
}

/** The address that a client connects from. */
export function addressOf(c: Context): string {
  return getConnInfo(c).remote.address?.replace(/^::ffff:/, "") ?? "";
}

/**
 * Why a request is not from this machine; null when it is. Another site's name may
 * lead here (DNS rebinding), and a proxy on this machine forwards strangers' requests.
 */
function notHere(c: Context): string | null {
  const why = "Without MM4D_ADMIN_TOKEN this page is for this machine only";
  if (!isLoopback(addressOf(c))) return why;
  if (["forwarded", "x-forwarded-for", "x-real-ip", "via"].some((name) => c.req.header(name) !== undefined)) {
    return `${why}, and not through a proxy`;
  }
  const { hostname } = new URL(c.req.url);
  return isLoopback(hostname.replace(/^\[|\]$/g, "")) ? null : `${why}, under its own name or address`;
}

/** Whether the browser's connection is encrypted, by what the first proxy says. RFC 7239 §5.4. */
function isSecure(c: Context): boolean {
  const told = c.req.header("x-forwarded-proto") ?? /proto="?(\w+)/i.exec(c.req.header("forwarded") ?? "")?.[1];
  const scheme = told?.split(",")[0]?.trim() ?? new URL(c.req.url).protocol.replace(":", "");
  return scheme.toLowerCase() === "https";
}

/** The text if it is a path on this server, else the first page. */
export function pathIn(text: unknown): string {
  return typeof text === "string" && /^\/(?![/\\])[\x21-\x7e]*$/.test(text) ? text : "/";
}

function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

/** Wrong tokens of the last minute, by address and in all. */
function createFailures() {
  let byAddress = new Map<string, number>();
  let all = 0;
  let sinceMs = performance.now();
  function forget(): void {
    if (performance.now() - sinceMs < WINDOW_MS) return;
    sinceMs = performance.now();
    byAddress = new Map();
    all = 0;
  }
  return {
    tooMany(address: string): boolean {
      forget();
      return all >= FAILURES || (byAddress.get(address) ?? 0) >= FAILURES_PER_ADDRESS;
    },
    count(address: string): void {
      all += 1;
      if (byAddress.size < MAX_ADDRESSES) byAddress.set(address, (byAddress.get(address) ?? 0) + 1);
    },
  };
}

function loginPage(next: string, fault: string | null) {
  return layout({
    title: "Log in",
    path: "/login",
    operator: null,
    body: html`<h1>Log in</h1>
      <form method="post" action="/login" class="card login">
        ${fault === null ? "" : html`<p class="fault" role="alert">${fault}</p>`}
        <input name="username" value="operator" autocomplete="username" hidden readonly />
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus aria-describedby="where" />
        <p id="where" class="soft">It is MM4D_ADMIN_TOKEN of this service, or in the file that MM4D_ADMIN_TOKEN_FILE names; in containers that is /data/admin-token.</p>
        <input type="hidden" name="next" value="${next}" />
        <button>Log in</button>
      </form>`,
  });
}
