/** bull-board on our queues: to look at, never to change anything; numbers masked, and no message's bytes. */
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { mapTexts, maskAllNumbers, maskEvent } from "../delivery/masking.ts";
import { BOARD_PATH } from "./layout.ts";

export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export function createBoard(queues: readonly BoardQueue[]): Hono {
  const server = new HonoAdapter(serveStatic).setBasePath(BOARD_PATH);
  const adapters = queues.map((queue) => {
    const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false });
    adapter.setFormatter("data", masked);
    return adapter;
  });
  createBullBoard({
    queues: adapters,
    serverAdapter: server,
    options: { uiConfig: { boardTitle: "mm4d queues", miscLinks: [{ text: "mm4d", url: "/" }] } },
  });

  const board = new Hono();
  // Its page has styles of its own within, and asks another host for a typeface.
  board.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'self'"],
        frameAncestors: ["'none'"],
        formAction: ["'none'"],
      },
      strictTransportSecurity: false,
    }),
  );
  board.use(async (c, next) => {
    if (c.req.method !== "GET" && c.req.method !== "HEAD") return c.text("Nothing can be changed here\n", 405);
    if (Number(c.req.query("jobsPerPage") ?? 0) > MAX_JOBS_PER_PAGE) return c.text("Too many at once\n", 400);
    await next();
    const type = c.res.headers.get("content-type") ?? "";
    if (c.req.path.startsWith(`${BOARD_PATH}/api/`) && type.startsWith("application/json")) {
      c.res = c.json(withoutNumbers(await c.res.json()) as object, c.res.status as 200);
    }
    if (type.startsWith("text/html")) {
      c.res = await c.html((await c.res.text()).replace(/<link[^>]+href="https?:[^>]*>/g, ""));
    }
    return undefined;
  });
  board.route("/", server.registerPlugin());
  return board;
}

const MAX_JOBS_PER_PAGE = 100;

/** What stands in a job, by what it is: an event, a message in quarantine, an acknowledgement. */
function masked(data: Readonly<Record<string, unknown>>): unknown {
  if (data.specversion !== undefined) return maskEvent(data as never);
  const { raw, ...rest } = data;
  const kept = mapTexts(rest, maskAllNumbers) as object;
  if (typeof raw !== "string") return kept;
  return { ...kept, raw: `${Buffer.byteLength(raw, "base64")} bytes: see Quarantine` };
}

/** What consumers write on a job, and its log, which is a list of texts. */
const FREE_TEXTS: readonly string[] = ["failedReason", "stacktrace", "progress", "returnValue"];

function withoutNumbers(answer: unknown): unknown {
  if (Array.isArray(answer)) {
    return answer.map((part) => (typeof part === "string" ? maskAllNumbers(part) : withoutNumbers(part)));
  }
  if (answer === null || typeof answer !== "object") return answer;
  const parts = Object.entries(answer).map(([name, part]) => [
    name,
    FREE_TEXTS.includes(name) ? mapTexts(part, maskAllNumbers) : name === "data" ? part : withoutNumbers(part),
  ]);
  return Object.fromEntries(parts);
}
