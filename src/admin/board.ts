/** bull-board on our queues: to look at, never to change anything; numbers masked, and no message's bytes. */
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { maskAllNumbers, maskEvent, maskNumbers } from "../delivery/masking.ts";

export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export const BOARD_PATH = "/queue";

export function createBoard(queues: readonly BoardQueue[]): Hono {
  const server = new HonoAdapter(serveStatic).setBasePath(BOARD_PATH);
  const adapters = queues.map((queue) => {
    const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false });
    adapter.setFormatter("data", masked);
    adapter.setFormatter("returnValue", (value) => maskText(JSON.stringify(value) ?? ""));
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
    await next();
    if (!c.res.headers.get("content-type")?.startsWith("text/html")) return undefined;
    const page = await c.res.text();
    c.res = await c.html(page.replace(/<link[^>]+href="https?:[^>]*>/g, ""));
    return undefined;
  });
  board.route("/", server.registerPlugin());
  return board;
}

/** What stands in a job, by what it is: an event, a message in quarantine, an acknowledgement. */
function masked(data: Readonly<Record<string, unknown>>): unknown {
  if (data.specversion !== undefined) return maskEvent(data as never);
  const { raw, ...rest } = data;
  const kept = JSON.parse(maskText(JSON.stringify(rest))) as object;
  if (typeof raw !== "string") return kept;
  return { ...kept, raw: `${Buffer.byteLength(raw, "base64")} bytes: see Quarantine` };
}

function maskText(text: string): string {
  return maskNumbers(text, []).replace(/(?<="(?:to|originator|error)":")[^"]*/g, maskAllNumbers);
}
