/** bull-board on our queues, for reading only. Numbers are masked, and the bytes of messages are left out. */
import { setImmediate as turn } from "node:timers/promises";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOf, beginningOfValue } from "../text/beginning.ts";
import { acknowledgementMask, mapTexts, maskAllNumbers, maskEvent, partiesOf } from "../text/masking.ts";
import { visible, visibleJson } from "../text/visible.ts";
import { BOARD_PATH } from "./layout.ts";

export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export function createBoard(queues: readonly BoardQueue[]): Hono {
  const server = new HonoAdapter(serveStatic).setBasePath(BOARD_PATH);
  const adapters = queues.map((queue) => {
    const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false });
    adapter.setFormatter("data", (data) => mapTexts(shownJob(data), visible));
    return adapter;
  });
  createBullBoard({
    queues: adapters,
    serverAdapter: server,
    options: { uiConfig: { boardTitle: "mm4d queues", miscLinks: [{ text: "mm4d", url: "/" }] } },
  });

  const board = new Hono();
  // Its page has styles within, and loads a typeface from another host.
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
      const shown = JSON.stringify(await withoutNumbers(await c.res.json()));
      c.res = c.body(visibleJson(shown), c.res.status as 200, { "content-type": type });
    }
    if (type.startsWith("text/html")) {
      c.res = await c.html(withoutForeignLinks(await c.res.text()));
    }
    return undefined;
  });
  board.route("/", server.registerPlugin());
  return board;
}

function withoutForeignLinks(page: string): string {
  return page.replace(/<link[^<>]*>/g, (link) => (/href="https?:/.test(link) ? "" : link));
}

const MAX_JOBS_PER_PAGE = 100;

/**
 * The data of a job as the board shows it: an event, an acknowledgement, a message in
 * quarantine or a bounce. Long texts are cut, because the board makes all jobs of a
 * page in one go.
 */
export function shownJob(data: Readonly<Record<string, unknown>>): unknown {
  if (data.specversion !== undefined) {
    const event = data as unknown as DeliveryEvent;
    return maskEvent(beginningOfValue(event) as DeliveryEvent, partiesOf(event));
  }
  const { raw, ...rest } = data;
  const shown = beginningOfValue(rest) as Readonly<Record<string, unknown>>;
  if (data.requestStatus !== undefined) return maskAcknowledgement(shown, data as unknown as Acknowledgement);
  const told = { ...shown, ...(mapTexts(pick(shown, FREE_TEXTS_KEPT), maskAllNumbers) as object) };
  if (typeof raw !== "string") return told;
  return { ...told, raw: `${Buffer.byteLength(raw, "base64")} bytes: see Quarantine` };
}

/** Ids stay, with the parties' numbers masked in them. The MMSC's replies are masked as free text. */
function maskAcknowledgement(shown: Readonly<Record<string, unknown>>, ack: Acknowledgement): object {
  return {
    ...shown,
    ...(mapTexts(pick(shown, ECHOED), acknowledgementMask(ack)) as object),
    ...(mapTexts(pick(shown, ["bounce"]), maskAllNumbers) as object),
  };
}

/** The fields that hold what a peer wrote. */
const ECHOED: readonly (keyof Acknowledgement)[] = [
  "messageId",
  "transactionId",
  "version",
  "to",
  "originator",
  "numbers",
];
/** Fields of a message in quarantine that hold free text; we made the others. */
const FREE_TEXTS_KEPT: readonly string[] = ["detail"];

function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]]] : [])));
}

/** Fields of a job that consumers write. */
const FREE_TEXTS: readonly string[] = ["failedReason", "stacktrace", "progress", "returnValue"];

/** Works part by part, so that reports are received in between: a page has a hundred jobs. */
async function withoutNumbers(answer: unknown): Promise<unknown> {
  if (Array.isArray(answer)) {
    const parts: unknown[] = [];
    for (const part of answer) {
      await turn();
      parts.push(typeof part === "string" ? freeText(part) : await withoutNumbers(part));
    }
    return parts;
  }
  if (answer === null || typeof answer !== "object") return answer;
  const parts: [string, unknown][] = [];
  for (const [name, part] of Object.entries(answer)) {
    const free = FREE_TEXTS.includes(name);
    parts.push([
      name,
      free ? mapTexts(beginningOfValue(part), freeText) : name === "data" ? part : await withoutNumbers(part),
    ]);
  }
  return Object.fromEntries(parts);
}

/** Makes characters visible that would hide or reverse the text beside them. */
function freeText(text: string): string {
  return visible(maskAllNumbers(beginningOf(text)));
}
